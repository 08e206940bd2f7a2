"""Decides whether two records are one person: no database, web or DICOM in here."""
