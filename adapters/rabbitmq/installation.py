"""Finds the installed RabbitMQ; distributions hide its real scripts behind wrappers that insist on root."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOW_TO_GET_RABBITMQ = (
    "RabbitMQ was not found: install the package rabbitmq-server (Debian, Ubuntu, Fedora) or rabbitmq (Homebrew), "
    "or start the container rabbitmq:4 with the plugin rabbitmq_consistent_hash_exchange enabled and set "
    "ROOMSYNC_AMQP_URL to its amqp:// address."
)

_USUAL_PLACES = (
    "/usr/lib/rabbitmq/bin",
    "/usr/lib/rabbitmq/lib/*/sbin",
    "/usr/local/lib/rabbitmq/lib/*/sbin",
    "/usr/local/sbin",
    "/opt/rabbitmq/sbin",
    "/opt/rabbitmq*/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitmqInstallation:
    """The programs of an installed RabbitMQ: the server, its control program, and Erlang's port mapper."""

    server: Path
    ctl: Path
    epmd: Path


def find_rabbitmq() -> RabbitmqInstallation | None:
    """Look in the usual places of the distributions, then on the PATH. None: see `HOW_TO_GET_RABBITMQ`."""
    epmd = _find_epmd()
    if epmd is None:
        return None
    for folder in _script_folders():
        server, ctl = folder / "rabbitmq-server", folder / "rabbitmqctl"
        if server.exists() and ctl.exists():
            return RabbitmqInstallation(server=server, ctl=ctl, epmd=epmd)
    return None


def _script_folders() -> Iterator[Path]:
    """Folders of genuine scripts: `rabbitmq-env` lies beside them, which no wrapper has."""
    places = [found for place in _USUAL_PLACES for found in sorted(Path("/").glob(place.lstrip("/")), reverse=True)]
    places += [Path(folder) for folder in os.get_exec_path()]
    for place in places:
        # Resolved, because the scripts find their plugins relative to where they really lie.
        folder = (place / "rabbitmq-server").resolve().parent
        if (folder / "rabbitmq-env").exists():
            yield folder


def _find_epmd() -> Path | None:
    """Erlang's port mapper: on the PATH, or beside `erl` where a distribution links only that."""
    if found := shutil.which("epmd"):
        return Path(found)
    erl = shutil.which("erl")
    beside = Path(erl).resolve().with_name("epmd") if erl else None
    return beside if beside is not None and beside.exists() else None
