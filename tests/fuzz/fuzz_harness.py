"""Feeds a part of roomsync with what nobody meant to send, and tells what it did not expect.

A target is a function that makes one hostile input from a random source, hands it to our code and returns: what our
code declares (a `BadMessage`, a `CalendarError`, …) the target catches itself, so whatever it raises was not declared.
"""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

Attack = Callable[[Random], None]

CPU_MAX_S = 0.1
"""What one input may cost."""
MEMORY_MAX_MIB = 64
"""By how much a run may grow the process."""
_FINDINGS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something to attack. `bounded_count`: inputs in `make test`, a few seconds' worth."""

    name: str
    attack: Attack
    bounded_count: int = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that went wrong; `Random(f"{seed}/{index}")` makes it again."""

    index: int
    what: str


@dataclass(slots=True)
class Report:
    """What a run found."""

    target: str
    seed: int
    count: int = 0
    grown_mib: float = 0.0
    slowest_s: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{self.target}: seed {self.seed}, {self.count:,} inputs, {len(self.findings)} undeclared, "
            f"slowest {self.slowest_s * 1000:.0f} ms of CPU, {self.grown_mib:.0f} MiB grown"
        ]
        return "\n".join(lines + [f"  input {each.index}: {each.what}" for each in self.findings])


def attack(target: Target, *, seed: int, count: int) -> Report:
    """Run a target `count` times. Ends early after twenty findings."""
    report = Report(target.name, seed)
    before_mib = _peak_mib()
    for index in range(count):
        report.count += 1
        what, cpu_s = _once(target, seed, index)
        if what is None and cpu_s > CPU_MAX_S:
            # Once more: the first one may have paid for an import or for the collector.
            what, cpu_s = _once(target, seed, index)
            if cpu_s > CPU_MAX_S:
                what = f"took {cpu_s * 1000:.0f} ms of CPU"
        report.slowest_s = max(report.slowest_s, cpu_s)
        if what is not None:
            report.findings.append(Finding(index, what))
        if len(report.findings) >= _FINDINGS_MAX:
            break
    report.grown_mib = _peak_mib() - before_mib
    if report.grown_mib > MEMORY_MAX_MIB:
        report.findings.append(Finding(report.count, f"the process grew by {report.grown_mib:.0f} MiB"))
    return report


def _once(target: Target, seed: int, index: int) -> tuple[str | None, float]:
    random = Random(f"{seed}/{index}")  # noqa: S311 - repeatable, nothing secret
    begun_s = time.process_time()
    try:
        target.attack(random)
    except Exception as error:  # noqa: BLE001 - finding these is what it is for
        return f"{type(error).__name__}: {error}"[:300], time.process_time() - begun_s
    return None, time.process_time() - begun_s


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
