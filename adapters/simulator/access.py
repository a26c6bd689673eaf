"""Who may do what: impersonation with its scope, or rights that were given on a room's folders.

Sources: "Impersonation and EWS in Exchange", "Delegate access and EWS in Exchange".
"""

from collections.abc import Collection
from typing import Literal

Rights = Literal["calendar", "mailbox", "read"]
"""Editor on the calendar only; full access to the mailbox; reading the calendar only."""

Need = Literal["read", "write"]


class Access:
    """The rights of the accounts. All addresses are compared without case.

    With `impersonation` every account may impersonate every mailbox in `scope` (None: all). With `delegate` none may;
    every account is editor of every room's calendar, and of nothing else, until `grant` or `deny` says otherwise.
    """

    def __init__(self, kind: Literal["impersonation", "delegate"], accounts: Collection[str]) -> None:
        folded = {account.casefold() for account in accounts}
        self.impersonators: set[str] = folded if kind == "impersonation" else set()
        self.scope: Collection[str] | None = None
        self._default: Rights | None = "calendar" if kind == "delegate" else None
        self._denied: set[str] = set()
        self._granted: dict[tuple[str, str], Rights] = {}

    def deny(self, room: str) -> None:
        """Take a room out of the impersonation scope, and every delegate's rights on it away."""
        self._denied.add(room.casefold())

    def allow(self, room: str) -> None:
        """Undo `deny`."""
        self._denied.discard(room.casefold())

    def grant(self, account: str, room: str, rights: Rights) -> None:
        """Give an account rights on a room as a delegate."""
        self._granted[account.casefold(), room.casefold()] = rights

    def impersonation_fault(self, account: str, room: str) -> str | None:
        """Give the response code that refuses an impersonation, None when it is allowed."""
        if account.casefold() not in self.impersonators:
            return "ErrorImpersonationDenied"
        if room.casefold() in self._denied:
            return "ErrorImpersonateUserDenied"
        if self.scope is not None and room.casefold() not in {member.casefold() for member in self.scope}:
            return "ErrorImpersonateUserDenied"
        return None

    def allows(self, principal: str, address: str, folder: str, need: Need) -> bool:
        """Whether somebody (the account, or whom it impersonates) may read or write a mailbox's folder."""
        who, whose = principal.casefold(), address.casefold()
        if who == whose:
            return True
        if whose in self._denied:
            return False
        rights = self._granted.get((who, whose), self._default)
        if rights == "mailbox":
            return True
        return folder == "calendar" and (rights == "calendar" or (rights == "read" and need == "read"))
