"""The service around `matching`: identify, steward, reconcile the archive."""

__version__ = "0.1.0"
