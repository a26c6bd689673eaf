"""Alerts and dashboards name nothing that the worker does not export, and alerts fire on what they are for."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from tests.unit.deploy.conftest import Judge
from tests.unit.worker.operating import Insides
from worker.metrics.queues import Depths

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
RULES, CASES = DEPLOY / "alerts" / "roomsync.rules.yml", DEPLOY / "alerts" / "roomsync.test.yml"
DASHBOARD = DEPLOY / "dashboards" / "roomsync.json"
OURS = re.compile(r"\b((?:roomsync|process|python)_[a-z_]+)(?:\{([^}]*)\})?")
GIVEN_BY_PROMETHEUS = {"job", "instance", "le"}


def test_the_rules_are_valid_and_every_case_comes_out_as_told(promtool: Judge) -> None:
    assert promtool("check", "rules", str(RULES))[0] == 0
    code, said = promtool("test", "rules", str(CASES))
    assert code == 0, said


def test_every_alert_has_a_case_and_is_quiet_in_a_healthy_house() -> None:
    cases = CASES.read_text()
    healthy = cases[cases.index("a healthy house") :]
    assert [name for name in alerts() if f"        alertname: {name}\n" not in cases] == []
    assert [name for name in alerts() if f"alertname: {name}, exp_alerts: []" not in healthy] == []


def test_what_a_worker_exports_passes_the_lint(promtool: Judge) -> None:
    code, said = promtool("check", "metrics", stdin=generate_latest(busy().metrics.registry).decode())
    assert (code, said) == (0, "")


@pytest.mark.parametrize("file", [RULES, CASES, DASHBOARD], ids=lambda file: file.name)
def test_every_metric_and_label_that_is_named_is_exported(file: Path) -> None:
    exported = dict(samples())
    named = list(metrics_in(file))
    assert len({metric for metric, _ in named}) > 10
    assert [metric for metric, _ in named if metric not in exported] == []
    unknown = [
        f"{metric}: {label}"
        for metric, labels in named
        for label in labels - exported[metric] - GIVEN_BY_PROMETHEUS
        # A name without samples here tells no labels.
        if exported[metric]
    ]
    assert unknown == []


def test_every_metric_of_ours_is_looked_at_by_an_alert_or_a_panel() -> None:
    looked_at = {family(metric) for file in (RULES, DASHBOARD) for metric, _ in metrics_in(file)}
    ours = {family(metric) for metric, _ in samples() if metric.startswith("roomsync_")}
    assert ours - looked_at == set()


def test_no_room_no_booking_and_no_message_is_a_label() -> None:
    labels = {label for _, labels in samples() for label in labels}
    assert {label for label in labels if re.search("room|booking|message|subject|person", label)} == set()


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", RULES.read_text())


def family(metric: str) -> str:
    return re.sub("_(bucket|count|sum)$", "", metric)


def busy() -> Insides:
    """A worker with something of everything to tell."""
    insides = Insides()
    insides.gate("acme")
    queues = insides.metrics.queues
    queues._last = Depths(messages={"failed": 1}, partitions_without_consumer=0, sole=frozenset())
    queues._read_s = time.monotonic()
    insides.metrics.requests.note("create", "ok", 0.2)
    commands = insides.metrics.commands
    commands._commands("create", "synced", "acme").inc()
    commands._latency("acme").observe(0.3)
    commands._deferred("throttled", "acme").inc()
    commands._failed("rights_missing", "acme").inc()
    return insides


def samples() -> Iterator[tuple[str, set[str]]]:
    """Every name that a scrape may find, with its labels as far as there are samples."""
    for metric in busy().metrics.registry.collect():
        suffixes = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}.get(metric.type, ("",))
        for name in [metric.name + suffix for suffix in suffixes]:
            yield name, {label for sample in metric.samples if sample.name == name for label in sample.labels}


def metrics_in(file: Path) -> Iterator[tuple[str, set[str]]]:
    text = file.read_text()
    if file is DASHBOARD:
        told = json.loads(text)
        targets = [target["expr"] for panel in told["panels"] for target in panel.get("targets", [])]
        text = "\n".join(targets + [variable["query"]["query"] for variable in told["templating"]["list"][1:]])
    for metric, matchers in OURS.findall(text):
        yield metric, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
