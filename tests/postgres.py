"""A private PostgreSQL server for tests: own folder, Unix socket, no fsync, gone with the test run."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

START_S = 20


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The url of a superuser's database on a server that lives as long as the test run."""
    initdb, postgres = find_program("initdb"), find_program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL is not installed: no initdb and postgres on PATH or under /usr/lib/postgresql")
    user = somebody_else() if os.geteuid() == 0 else None
    if os.geteuid() == 0 and user is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")
    with running_server(initdb, postgres, user) as url:
        yield url


def find_program(name: str) -> Path | None:
    """On PATH, or where Debian keeps it (its newest version)."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which(name)
    return kept[-1] if kept else Path(on_path) if on_path else None


def somebody_else() -> str | None:
    """Who may run the server in the place of root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@contextmanager
def running_server(initdb: Path, postgres: Path, user: str | None) -> Iterator[str]:
    """Start a server in a new folder; stop it by its pid and remove the folder. As `user`, or as ourselves."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: the path of a Unix socket has at most 107 bytes
    group = pwd.getpwnam(user).pw_gid if user else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [initdb, "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"],
        check=True, stdout=subprocess.DEVNULL, cwd=folder, user=user, group=group,
    )  # fmt: skip
    settings = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off", "max_connections=60"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [postgres, "-D", data, *(word for setting in settings for word in ("-c", setting))],
            stdout=log, stderr=log, cwd=folder, user=user, group=group,
        )  # fmt: skip
    try:
        url = f"postgresql://tester@/postgres?host={folder}"
        wait_until_it_answers(url, server, folder / "log")
        yield url
    finally:
        server.terminate()
        server.wait(timeout=START_S)
        shutil.rmtree(folder)


def wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at_s = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > give_up_at_s:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.05)
        else:
            return


@contextmanager
def new_database(server_url: str, name: str) -> Iterator[str]:
    """An empty database on the server, dropped in the end with whoever is still connected to it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield server_url.replace("/postgres?", f"/{name}?")
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
