"""Runs a node's processes and ends them when its owner closes the pipe or dies, by whatever signal.

Started by file name, with the standard library alone. Its standard input is the pipe: `stop` means that the owner ends
the node in order; end of file without a word means that the owner is gone, and the guard tidies up in its place.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

_EPMD_WITHIN_S = 10.0
_STOP_WITHIN_S = 20.0


def main() -> int:
    """Run epmd and the server until the server ends or the owner lets go.

    Arguments: the server, epmd, and optionally a folder to remove once the owner is gone.
    """
    server_path, epmd_path, *folders = sys.argv[1:]
    epmd = subprocess.Popen([epmd_path], stdin=subprocess.DEVNULL)  # noqa: S603 - the caller found it
    try:
        _wait_for_epmd()
        # In a session of its own, so that the wrapper script and the Erlang machine can be ended together.
        server = subprocess.Popen([server_path], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - same
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.terminate())
        owner_is_gone = threading.Event()
        threading.Thread(target=_obey, args=(server, owner_is_gone), daemon=True).start()
        code = server.wait()
        _end_group(server)
    finally:
        epmd.terminate()
        epmd.wait()
    if owner_is_gone.is_set():
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    return code


def _obey(server: "subprocess.Popen[bytes]", owner_is_gone: threading.Event) -> None:
    if sys.stdin.read() != "stop":
        owner_is_gone.set()
    server.terminate()
    try:
        server.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        _end_group(server)


def _end_group(server: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(server.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _wait_for_epmd() -> None:
    # The server would start an epmd of its own, and leave it running, if ours did not answer yet.
    until = time.monotonic() + _EPMD_WITHIN_S
    address = ("127.0.0.1", int(os.environ["ERL_EPMD_PORT"]))
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError("epmd does not listen")


if __name__ == "__main__":
    sys.exit(main())
