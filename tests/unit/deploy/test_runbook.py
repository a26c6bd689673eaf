"""The runbook knows every alert and every code, and none that there is not."""

import re
from pathlib import Path

from consumers.messages.codes import all_codes
from consumers.settlement.unowned_deliveries import LEFT_LYING

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
RUNBOOK = (DEPLOY / "runbook.md").read_text()
RULES = (DEPLOY / "alerts" / "roomsync.rules.yml").read_text()

CODE_ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def test_every_code_of_the_code_base_is_explained_once_and_no_other() -> None:
    explained = [code for code, *_ in CODE_ROW.findall(codes_part())]
    assert sorted(explained) == sorted(all_codes())


def test_every_code_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    thin = [code for code, *cells in CODE_ROW.findall(codes_part()) if min(len(cell.strip()) for cell in cells) < 7]
    assert thin == []


def test_every_alert_has_its_chapter_and_no_chapter_is_left_over() -> None:
    chapters = re.findall(r"^### (Roomsync\w+)$", RUNBOOK, re.MULTILINE)
    assert sorted(chapters) == sorted(re.findall(r"- alert: (\w+)", RULES))


def test_every_chapter_of_an_alert_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    for name, text in re.findall(r"^### (Roomsync\w+)$(.+?)(?=^##)", RUNBOOK, re.MULTILINE | re.DOTALL):
        assert [word for word in ("**Means**", "**Look at**", "**Do**") if word not in text] == [], name


def test_every_alert_links_to_its_own_chapter() -> None:
    pairs = re.findall(r"- alert: (\w+).*?runbook_url: deploy/runbook\.md#(\w+)", RULES, re.DOTALL)
    assert pairs
    assert [name for name, anchor in pairs if anchor != name.lower()] == []


def test_every_link_within_the_runbook_leads_somewhere() -> None:
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK)) <= anchors


def test_what_readyz_says_of_messages_in_nobodys_hands_is_explained_where_operators_look() -> None:
    chapter = RUNBOOK[RUNBOOK.index("### RoomsyncNotReady") : RUNBOOK.index("### RoomsyncPartitionsWithoutConsumer")]
    assert LEFT_LYING in chapter
    assert LEFT_LYING in (DEPLOY.parent / "docs" / "operating.md").read_text()


def codes_part() -> str:
    return RUNBOOK[RUNBOOK.index("## Codes") :]
