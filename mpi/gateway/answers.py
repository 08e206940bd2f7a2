"""What the DICOM door answers: one row a situation (PS3.7 annex C, PS3.4 table B.2-1)."""

from __future__ import annotations

from enum import Enum


class Answer(Enum):
    """The situations of a received object, each with its C-STORE status."""

    COERCED = 0xB000  # stored, and attributes will be coerced
    UNCHANGED = 0x0000  # stored as it is
    KEPT = 0x0001  # in the spool alone: held for a clerk, or the database is away
    NO_ROOM = 0xA700  # spool above its mark, the disk failed, or larger than we take
    MISMATCH = 0xA900  # another object than the request announced; a quarantined copy is kept
    UNREADABLE = 0xC000  # cannot be understood; a quarantined copy is kept while its shelf has room
    NOT_ALLOWED = 0x0124  # speaks for another's authority
    FAILED = 0x0110  # a fault of ours

    @property
    def status(self) -> int:
        """The C-STORE status: what is kept but not yet decided is a success for its sender."""
        return 0x0000 if self is Answer.KEPT else self.value
