"""Who acts: a sender (machine that speaks for authorities), a person, a model or the system itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mpi.errors import NotAllowed


class Role(StrEnum):
    """The rights table of the service, one word a column."""

    SENDER = "sender"
    READER = "reader"
    CLERK = "clerk"
    APPROVER = "approver"
    IDENTITY_MANAGER = "identity_manager"
    AUDITOR = "auditor"
    SECURITY_ADMIN = "security_admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """`actor_id` reads `sender:NAME`, `user:NAME`, `model:VERSION` or `system:PART`.

    `authorities` holds the assigning authorities a sender may speak for; empty for everybody else.
    """

    actor_id: str
    roles: frozenset[Role]
    authorities: frozenset[str] = field(default=frozenset())
    address: str | None = None

    def require_authority(self, authority: str) -> None:
        """Raises NotAllowed unless this sender may speak for `authority`."""
        if Role.SENDER in self.roles and authority not in self.authorities:
            raise NotAllowed("This sender may not speak for that assigning authority.", authority=authority)
