"""Checks the credentials of a request: Basic (RFC 7617), or NTLM, which authenticates a connection, not a request."""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Literal

from adapters.simulator import ntlm

Scheme = Literal["basic", "ntlm"]


@dataclass(slots=True)
class Connection:
    """What is remembered of a connection while its handshake goes on, and after."""

    challenge: bytes | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who it is, or what to answer with a 401. `handshake`: an ordinary step on the way, no rejection."""

    account: str | None
    challenges: tuple[str, ...] = ()
    handshake: bool = False


@dataclass(slots=True)
class Passwords:
    """The accounts and their passwords; change `accounts` to rotate one."""

    accounts: dict[str, str] = field(repr=False)
    schemes: tuple[Scheme, ...]

    def check(self, header: str | None, connection: Connection) -> Verdict:
        """Judge an Authorization header on its connection."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.casefold() == "basic" and "basic" in self.schemes:
            return self._offer(self._basic(token))
        if scheme.casefold() == "ntlm" and "ntlm" in self.schemes:
            return self._ntlm(token, connection)
        if not header and connection.account is not None:
            return Verdict(connection.account)
        return self._offer(None, handshake=not header)

    def _offer(self, account: str | None, *, handshake: bool = False) -> Verdict:
        offers = {"ntlm": "NTLM", "basic": 'Basic realm="simulator"'}
        return Verdict(
            account, tuple(offers[scheme] for scheme in ("ntlm", "basic") if scheme in self.schemes), handshake
        )

    def _basic(self, token: str) -> str | None:
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        account = self._account(user)
        right = account is not None and compare_digest(self.accounts[account].encode(), password.encode())
        return account if right else None

    def _ntlm(self, token: str, connection: Connection) -> Verdict:
        try:
            message = ntlm.read(base64.b64decode(token, validate=True))
        except (binascii.Error, ValueError):
            return self._offer(None)
        if message is None:
            connection.account = None
            connection.challenge = secrets.token_bytes(8)
            answer = base64.b64encode(ntlm.challenge(connection.challenge)).decode()
            return Verdict(None, (f"NTLM {answer}",), handshake=True)
        challenge, connection.challenge = connection.challenge, None
        account = self._account(message.user) or self._account(f"{message.domain}\\{message.user}")
        if account is None or challenge is None or not ntlm.proves(message, self.accounts[account], challenge):
            return self._offer(None)
        connection.account = account
        return Verdict(account)

    def _account(self, user: str) -> str | None:
        folded = user.casefold()
        return next((account for account in self.accounts if account.casefold() == folded), None)
