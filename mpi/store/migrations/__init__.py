"""Alembic's revisions: the only way in which a table is created or changed."""
