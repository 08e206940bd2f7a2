"""What can go wrong, by id: raised by flows, turned into a status by one handler at each door.

No message holds a trait, a name or a refused value: only field paths, rules and ids.
"""

from __future__ import annotations


class MpiError(Exception):
    """An error a caller may see: `code` is stable, `status` its HTTP status, `sentence` for people."""

    code = "error"
    status = 500

    def __init__(self, sentence: str, **details: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details


class Malformed(MpiError):
    """The request cannot be read."""

    code, status = "malformed", 400


class NotAuthenticated(MpiError):
    """Nobody we know."""

    code, status = "not-authenticated", 401


class NotAllowed(MpiError):
    """Known, but this is not theirs: another's authority, a missing role."""

    code, status = "not-allowed", 403


class NotFound(MpiError):
    """No such id."""

    code, status = "not-found", 404


class Conflict(MpiError):
    """The world moved or two statements contradict each other; details carry the fresh state."""

    code, status = "conflict", 409


class RecordedConflict(Conflict):
    """A conflict whose review was written: the transaction commits before this is raised to the caller."""


class TooLarge(MpiError):
    """More bytes or items than a door takes."""

    code, status = "too-large", 413


class Unprocessable(MpiError):
    """Readable, but the content breaks a rule; details carry `field` and `rule`, never the value."""

    code, status = "unprocessable", 422


class RecordedRefusal(Unprocessable):
    """A refusal that was counted: the transaction commits before this is raised to the caller."""


class Unavailable(MpiError):
    """A needed part is away; nothing was stored, try again after `retry_after` seconds."""

    code, status = "unavailable", 503

    def __init__(self, sentence: str, retry_after: int = 5, **details: object) -> None:
        super().__init__(sentence, **details)
        self.retry_after = retry_after


class UnsupportedMedia(MpiError):
    """The body's media type is not one that this call reads."""

    code, status = "unsupported-media", 415


class TooMany(MpiError):
    """This caller asks too often; again after `retry_after` seconds."""

    code, status = "too-many", 429

    def __init__(self, sentence: str, retry_after: int = 60, **details: object) -> None:
        super().__init__(sentence, **details)
        self.retry_after = retry_after
