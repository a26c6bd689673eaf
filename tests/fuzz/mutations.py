"""Ways to spoil bytes, texts and trees of JSON."""

from copy import deepcopy
from random import Random

TEXTS = (
    "",
    " ",
    "\x00",
    "\u202e",
    "\ufffe",
    "é",
    "\ud800",
    "9" * 400,
    "-1",
    "1e999",
    "NaN",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "../../etc",
    "%s%n",
    "{subject}",
    "<!--",
    "]]>",
    "a" * 5000,
)
LIST_TEXT_MAX = 240_000
NUMBERS = (0, -1, 1, 2**31, 2**53, 2**63, 2**64, 10**40, 0.5, 1e308)


def mutate_bytes(random: Random, content: bytes) -> bytes:
    """Flip, cut, double, insert or drop, one to eight times."""
    spoilt = bytearray(content)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(spoilt) + 1)
        match random.randrange(5):
            case 0 if at < len(spoilt):
                spoilt[at] ^= 1 << random.randrange(8)
            case 1:
                del spoilt[at:]
            case 2:
                end = min(len(spoilt), at + random.randint(1, 40))
                spoilt[at:at] = spoilt[at:end]
            case 3:
                spoilt[at:at] = random.randbytes(random.randint(1, 12))
            case _:
                del spoilt[at : at + random.randint(1, 40)]
    return bytes(spoilt)


def odd_value(random: Random) -> object:
    """A value that fits no member, or only just."""
    return random.choice(
        (
            None,
            True,
            [],
            {},
            random.choice(TEXTS),
            random.choice(NUMBERS),
            _list_of(random, random.choice(TEXTS)),
            {random.choice(TEXTS): random.choice(NUMBERS)},
        )
    )


def _list_of(random: Random, text: str) -> list[str]:
    """One, or as many as still make a message that somebody reads."""
    return [text] * random.choice((1, min(3000, LIST_TEXT_MAX // (len(text) + 4))))


def mutate_json(random: Random, value: object) -> object:
    """The same tree with one to four members dropped, replaced, renamed or added."""
    spoilt = deepcopy(value)
    for _ in range(random.randint(1, 4)):
        _mutate_one(random, spoilt)
    return spoilt


def _mutate_one(random: Random, value: object) -> None:
    if isinstance(value, dict) and value:
        name = random.choice(list(value))
        if isinstance(value[name], dict | list) and random.random() < 0.6:
            _mutate_one(random, value[name])
            return
        match random.randrange(4):
            case 0:
                del value[name]
            case 1:
                value[random.choice(TEXTS)] = value.pop(name)
            case 2:
                value[random.choice(TEXTS)] = odd_value(random)
            case _:
                value[name] = odd_value(random)
    elif isinstance(value, list):
        value.append(odd_value(random))
