"""The console program, traced between two signals; run as `python -m tests.road.traced_worker FILE worker …`.

`BEGIN` starts the trace, `END` writes it to FILE: one call a line (file of the product, function, and `sync` where the
call comes from inside `consumers/sync/`), in order, of all threads.
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
        self.calls: list[tuple[str, str, bool]] = []
        self.is_on = False

    def profile(self, frame: FrameType, event: str, _argument: Any) -> None:  # noqa: ANN401 - as `sys.setprofile` calls it
        """Installed for every thread; costs little while it is off."""
        if self.is_on and event == "call" and frame.f_code.co_filename.startswith(_PRODUCT):
            self.calls.append((frame.f_code.co_filename, frame.f_code.co_name, _is_within_sync(frame)))

    def write(self, file: Path) -> None:
        """One call a line."""
        lines = (
            f"{name.removeprefix(f'{ROOT}/')} {function} {'sync' if within else '-'}\n"
            for name, function, within in self.calls
        )
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text("".join(lines))
        unfinished.rename(file)


def _is_within_sync(frame: FrameType) -> bool:
    caller = frame.f_back
    while caller is not None:
        if caller.f_code.co_filename.startswith(_SYNC):
            return True
        caller = caller.f_back
    return False


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
