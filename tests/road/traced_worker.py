"""The console program, traced between two signals; run as `python -m tests.road.traced_worker FILE worker …`.

`BEGIN` starts the trace, `END` writes it to FILE: one call a line, in order, of all threads: file of the product,
function, the file in which its task, callback or thread began, and `sync` where it comes from inside `consumers/sync/`.
"""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from worker.cli import main as console

BEGIN, END = signal.SIGUSR1, signal.SIGUSR2
ROOT = Path(__file__).resolve().parents[2]
_PRODUCT = tuple(f"{ROOT}/{folder}/" for folder in ("worker", "consumers", "adapters"))
_SYNC = f"{ROOT}/consumers/sync/"


class Trace:
    """Every call into the product while it is on."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str, bool]] = []
        self.is_on = False

    def profile(self, frame: FrameType, event: str, _argument: Any) -> None:  # noqa: ANN401 - as `sys.setprofile` calls it
        """Installed for every thread; costs little while it is off."""
        if self.is_on and event == "call" and frame.f_code.co_filename.startswith(_PRODUCT):
            self.calls.append((frame.f_code.co_filename, frame.f_code.co_name, *_came_from(frame)))

    def write(self, file: Path) -> None:
        """One call a line."""
        lines = (
            f"{_short(name)} {function} {_short(began)} {'sync' if within else '-'}\n"
            for name, function, began, within in self.calls
        )
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text("".join(lines))
        unfinished.rename(file)


def _short(name: str) -> str:
    return name.removeprefix(f"{ROOT}/")


def _came_from(frame: FrameType) -> tuple[str, bool]:
    """The first file of the product below the event loop, and whether one of `consumers/sync/` lies between."""
    began, within_sync = frame.f_code.co_filename, False
    caller = frame.f_back
    while caller is not None and not caller.f_code.co_filename.endswith("asyncio/events.py"):
        name = caller.f_code.co_filename
        began = name if name.startswith(_PRODUCT) else began
        within_sync = within_sync or name.startswith(_SYNC)
        caller = caller.f_back
    return began, within_sync


def main() -> None:
    """Trace the program whose arguments follow the file's name."""
    file, trace = Path(sys.argv[1]), Trace()

    def begin(_number: int, _frame: FrameType | None) -> None:
        trace.is_on = True

    def end(_number: int, _frame: FrameType | None) -> None:
        trace.is_on = False
        trace.write(file)

    signal.signal(BEGIN, begin)
    signal.signal(END, end)
    threading.setprofile(trace.profile)
    sys.setprofile(trace.profile)
    sys.argv = ["roomsync", *sys.argv[2:]]
    console()


if __name__ == "__main__":
    main()
