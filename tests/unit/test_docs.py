"""What documents and code refer to is there, nothing of it beside the checkout; each word of ours is explained."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("worker", "consumers", "adapters")
FOLDERS = (*PACKAGES, "tests", "docs", "deploy", ".ci", ".github")
TEXTS = {".py", ".md", ".toml", ".yml", ".json", ".jsonl", ".ini", ""}
REPLACED = re.compile(r"^Status: replaced|^Superseded by", re.MULTILINE)
"""A decision that is history may name files of its time."""
OTHERS = {"protocol.py"}
"""Files of libraries, named with the library."""

OWN_WORDS = (
    *("AdaptiveLimit", "Batch", "BookingCommand", "BookingWork", "CircuitBreaker", "Conflict", "CurrentState"),
    *("DeadLetterWatch", "Delivery", "Dispatcher", "Disposition", "Effect", "FairScheduler", "Finding"),
    *("IncomingMessage", "LedgerOutage", "LoadShedding", "MessageLocation", "Milestone", "Observer", "OperatorLock"),
    *("ParsedDelivery", "Permit", "PlannedBooking", "PrefetchWindow", "PriorityClass", "Problem", "RateState"),
    *("RawDelivery", "Readiness", "Registration", "Request", "RequestKind", "ResultEvent", "Room", "RoomQueue"),
    *("RoomsyncHeaders", "Session", "Settler", "Storyteller", "Subscription", "SyncRequest", "Tenant"),
    *("TenantLimiter", "TenantThrottleDetector", "Topology", "Violation"),
)
"""Classes of consumers/ whose names a reader has to learn."""

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*[\w/]")
NAME = re.compile(r"`([\w-]+\.(?:py|md|yml))`")
REFERENCE = re.compile(r"(?<![\w/-])(?:docs/decisions/\d{4}[\w-]*(?:\.md)?|(?:docs|deploy)/[\w/-]+\.md(?:#[\w-]+)?)")
BESIDE = re.compile(r"\b(?:DESIGN|CONTRACT|FACTS|STYLE|ROAD|RESULTS)\.md\b")
ROW = re.compile(r"^\| ([^|]*\w[^|]*?) \| ([^|]+) \|$", re.MULTILINE)
SHARED = re.compile(r"\.\./shared")

DOCUMENTS = sorted(
    str(path.relative_to(REPOSITORY))
    for folder in (".", *FOLDERS)
    for path in (REPOSITORY / folder).glob("*.md" if folder == "." else "**/*.md")
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_and_its_heading(document: str) -> None:
    links = [link for link in LINK.findall(text_of(document)) if not re.match(r"https?:|mailto:", link)]
    assert [link for link in links if not leads_somewhere(document, link)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    text = text_of(document)
    if REPLACED.search(text):
        return
    paths = [path for path in PATH.findall(text) if not path.startswith("docs/decisions/") and not exists(path)]
    assert paths + [name for name in NAME.findall(text) if name not in file_names() | OTHERS] == []


def test_every_document_and_heading_that_a_text_refers_to_is_there() -> None:
    assert [f"{named(path)}: {each}" for path, each in references() if not is_reached(each)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_names_a_text_beside_the_checkout(document: str) -> None:
    assert BESIDE.findall(text_of(document)) + SHARED.findall(text_of(document)) == []


def test_no_code_names_a_text_beside_the_checkout() -> None:
    product = [path for path in texts() if named(path).partition("/")[0] in PACKAGES]
    beside = {named(path) for path in texts() if BESIDE.search(path.read_text()) and path != Path(__file__)}
    assert sorted(beside | {named(path) for path in product if SHARED.search(path.read_text())}) == []


def test_a_broken_link_and_a_missing_heading_are_seen() -> None:
    assert leads_somewhere("README.md", "docs/protocol.md#rule-5")
    assert leads_somewhere("docs/protocol.md", "#rule-5")
    assert not leads_somewhere("README.md", "docs/protocol.md#rule-99")
    assert not leads_somewhere("README.md", "docs/nowhere.md")
    assert is_reached("docs/decisions/0006")
    assert not is_reached("docs/decisions/9999")


@pytest.mark.parametrize("number", range(1, 11))
def test_each_rule_has_a_heading_and_tells_what_goes_wrong_without_it(number: int) -> None:
    sections = re.split(r"^## ", text_of("docs/protocol.md"), flags=re.MULTILINE)
    (rule,) = [section for section in sections if section.startswith(f"Rule {number}\n")]
    assert [part for part in ("\n> ", "*Code*:", "*Notices*:") if part not in rule] == []


def test_every_word_of_the_glossary_is_used() -> None:
    sources = (path.read_text() for path in texts() if path.name not in {"glossary.md", Path(__file__).name})
    elsewhere = " ".join(" ".join(sources).split())
    lower = elsewhere.lower()
    unused = [(term, names) for term, names in glossary().items() if term.lower() not in lower]
    # A word may be used by its name in the code alone.
    assert [term for term, names in unused if not any(name in elsewhere for name in names)] == []


def test_no_word_of_the_glossary_is_explained_twice() -> None:
    terms = [term for term, _ in ROW.findall(text_of("docs/glossary.md"))]
    assert sorted(term for term in set(terms) - {"word"} if terms.count(term) > 1) == []


def test_each_of_our_own_words_is_in_the_glossary() -> None:
    explained = set(re.findall(r"`(\w+)`", text_of("docs/glossary.md")))
    assert [word for word in OWN_WORDS if word not in explained] == []


def test_each_of_our_own_words_is_a_class_of_the_consumers() -> None:
    assert [word for word in OWN_WORDS if word not in classes()] == []


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def text_of(document: str) -> str:
    return (REPOSITORY / document).read_text()


def texts() -> list[Path]:
    inside = (path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*"))
    paths = [*REPOSITORY.glob("*.md"), REPOSITORY / "Makefile", REPOSITORY / "pyproject.toml", *inside]
    return [path for path in paths if path.is_file() and path.suffix in TEXTS and "__pycache__" not in path.parts]


def references() -> Iterator[tuple[Path, str]]:
    for path in texts():
        if path != Path(__file__):
            yield from ((path, each) for each in REFERENCE.findall(path.read_text()) if "NNNN" not in each)


def exists(path: str) -> bool:
    return (REPOSITORY / path).exists() or (REPOSITORY / f"{path}.py").exists()


def is_reached(reference: str) -> bool:
    """A decision may be named by its number alone."""
    if re.fullmatch(r"docs/decisions/\d{4}", reference):
        return bool(list(REPOSITORY.glob(f"{reference}-*.md")))
    return leads_somewhere("README.md", reference)


def leads_somewhere(document: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (REPOSITORY / document).parent / path if path else REPOSITORY / document
    if not target.resolve().exists():
        return False
    return not anchor or (target.is_file() and anchor in anchors(target.resolve()))


@cache
def anchors(document: Path) -> frozenset[str]:
    """As the usual hosting services make them from headings."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles)


@cache
def file_names() -> frozenset[str]:
    return frozenset(path.name for path in texts())


def glossary() -> dict[str, list[str]]:
    """Each word, and the names in the code that stand in its line."""
    rows = ROW.findall(text_of("docs/glossary.md"))
    return {term: re.findall(r"`(\w+)`", meaning) for term, meaning in rows if term != "word"}


@cache
def classes() -> frozenset[str]:
    sources = (REPOSITORY / "consumers").rglob("*.py")
    trees = (ast.walk(ast.parse(source.read_text())) for source in sources)
    return frozenset(node.name for tree in trees for node in tree if isinstance(node, ast.ClassDef)) | unions()


def unions() -> frozenset[str]:
    """Names of several classes as one, such as `Disposition`."""
    sources = "\n".join(path.read_text() for path in (REPOSITORY / "consumers").rglob("*.py"))
    return frozenset(re.findall(r"^(\w+) = \w+(?: \| \w+)+$", sources, re.MULTILINE))
