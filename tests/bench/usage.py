"""What a program and everything that it started have used, as Linux tells under /proc."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_STATE, _PARENT, _CPU = 0, 1, slice(11, 15)
"""Where a process's state, parent and times (user, system, both of its ended children) stand after its name."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a whole tree of processes."""

    cpu_s: float
    """User and system time since the start."""
    peak_bytes: int
    """The sum of each process's largest resident set; what processes share is counted once for each."""


def usage_of(pid: int) -> Usage:
    """What the process and its living descendants have used; nothing once it has ended."""
    ticks, peak_kib = 0, 0
    for one in (pid, *descendants_of(pid)):
        ticks += sum(int(times) for times in _stat(one)[_CPU])
        peak_kib += _peak_kib(one)
    return Usage(ticks / _TICKS_PER_S, peak_kib * 1024)


def descendants_of(pid: int) -> Iterator[int]:
    """The living processes that it started, and those that they started."""
    parents = {int(each.name): _parent(int(each.name)) for each in _PROC.glob("[0-9]*")}
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, its_parent in parents.items() if its_parent == parent]
        yield from children
        waiting += children


def is_zombie(pid: int) -> bool:
    """Whether it has ended and only waits for somebody to ask how."""
    return _stat(pid)[_STATE : _STATE + 1] == ["Z"]


def _parent(pid: int) -> int | None:
    stat = _stat(pid)
    return int(stat[_PARENT]) if stat else None


def _stat(pid: int) -> list[str]:
    """The fields after the name, which stands in brackets and may hold any character; none once it has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _peak_kib(pid: int) -> int:
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) if peaks else 0
