"""What a run leaves in a file: every figure, with the machine, the date and the versions that it belongs to."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.bench.figures import Report, times_better
from tests.bench.load import Load
from tests.bench.table import OURS

_PACKAGES = ("roomsync", "aio-pika", "exchangelib", "lxml", "requests", "sqlalchemy", "dramatiq", "celery", "pika")
_CPU_INFO = Path("/proc/cpuinfo")


def record(reports: Sequence[Report], load: Load, broker_version: str) -> dict[str, Any]:
    """Everything, as JSON takes it."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": {"python": platform.python_version(), "rabbitmq": broker_version, **_versions()},
        "quick": load.is_quick,
        "scenarios": [_scenario(report) for report in reports],
    }


def write_record(told: dict[str, Any], file: Path) -> None:
    """Write it, with the folders that lead there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def _scenario(report: Report) -> dict[str, Any]:
    told = asdict(report)
    for figure, one in zip(report.figures, told["figures"], strict=True):
        one["times_better_than_best_rival"] = times_better(figure, OURS)
    return told


def _machine() -> dict[str, object]:
    return {
        "cpus": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _cpu_model() -> str:
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # rivals are installed for `make bench` only
    return found
