"""Corrections of an event's members, as an operator gives them (`event.subject=Board meeting`)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.audit import Change
from consumers.messages.json_object import read_object
from consumers.messages.violations import BadMessage


class WrongCorrection(Exception):
    """A correction cannot be read; the text says what was expected."""


class NotCorrectable(Exception):
    """A message has no event to correct, or is no JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Puts `value` (JSON) in the place of a member of the event; None takes the member away."""

    path: tuple[str, ...]
    value: object

    @classmethod
    def read(cls, text: str) -> "Correction":
        """Read `event.member=value`; a value that is no JSON is the text itself. Raises `WrongCorrection`."""
        path, sign, value = text.partition("=")
        names = tuple(path.strip().split("."))
        if not sign or len(names) < 2 or names[0] != "event" or not all(names):
            raise WrongCorrection(f"{path or text}: expected event.MEMBER=VALUE, such as event.subject=Review.")
        try:
            return cls(path=names, value=json.loads(value))
        except (ValueError, RecursionError):
            return cls(path=names, value=value)

    @property
    def member(self) -> str:
        """A JSON Pointer."""
        return "/" + "/".join(name.replace("~", "~0").replace("/", "~1") for name in self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A body as it is published, and what was changed in it."""

    body: bytes
    changes: tuple[Change, ...] = ()


def corrected(body: bytes, corrections: Sequence[Correction]) -> Corrected:
    """Apply corrections in their order. What they do not name stays, the version too: a refused one may come again.

    Raises:
        NotCorrectable: there is no event, or a member that is none is to be entered.
    """
    if not corrections:
        return Corrected(body=body)
    try:
        members = read_object(body).members
    except BadMessage as bad:
        raise NotCorrectable(str(bad)) from bad
    changes = [_put(members, correction) for correction in corrections]
    try:
        text = json.dumps(members, ensure_ascii=False).encode("utf-8")
    except (TypeError, UnicodeEncodeError):
        raise NotCorrectable("message: What is not corrected of it is no JSON either.") from None
    return Corrected(body=text, changes=tuple(change for change in changes if change.old != change.new))


def _put(members: dict[str, object], correction: Correction) -> Change:
    *way, name = correction.path
    within: object = members
    for step in way:
        within = within.setdefault(step, {}) if step != "event" and isinstance(within, dict) else _event(within, step)
    if not isinstance(within, dict):
        raise NotCorrectable(f"{correction.member}: There is no such member to correct.")
    old = within.get(name)
    if correction.value is None:
        within.pop(name, None)
    else:
        within[name] = correction.value
    return Change(member=correction.member, old=_json(old), new=_json(correction.value))


def _event(members: object, step: str) -> object:
    event = members.get(step) if isinstance(members, dict) else None
    if not isinstance(event, dict):
        raise NotCorrectable("/event: The message has no event to correct.")
    return event


def _json(value: object) -> str | None:
    try:
        return None if value is None else json.dumps(value)
    except TypeError:  # a member that was given twice
        return json.dumps("given twice")
