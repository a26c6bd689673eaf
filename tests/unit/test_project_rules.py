"""Rules of the project that no other tool checks: sizes, locks, and the files that a visitor expects."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("worker", "consumers", "adapters")
LOCKS = ("requirements.lock", "requirements-dev.lock")
EXPECTED = ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile", ".ci/run", *LOCKS)

FILE_LINES = 300
FUNCTION_LINES = 40


def test_no_file_is_longer_than_a_reader_takes_in() -> None:
    lengths = {source: len(source.read_text().splitlines()) for source in sources()}
    assert [f"{named(source)}: {lines} lines" for source, lines in lengths.items() if lines > FILE_LINES] == []


def test_no_function_is_longer_than_a_screen() -> None:
    assert [f"{name}: {lines} lines" for name, lines in function_lengths() if lines > FUNCTION_LINES] == []


def test_every_package_and_module_says_what_it_is_for() -> None:
    assert [named(source) for source in sources() if ast.get_docstring(ast.parse(source.read_text())) is None] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_host(lock: str) -> None:
    assert [line for line in lock_lines(lock) if re.search(r"://|^--| @ ", line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_in_a_lock_is_pinned_with_a_hash(lock: str) -> None:
    requirements = "\n".join(lock_lines(lock)).replace("\\\n", " ").splitlines()
    assert requirements
    assert [line for line in requirements if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []


def test_the_runtime_lock_is_part_of_the_development_lock() -> None:
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_visitor_looks_for_is_there(name: str) -> None:
    assert (REPOSITORY / name).is_file()


@pytest.mark.parametrize(
    "name", [".ci/run", ".ci/check-locks", "deploy/bootstrap/promtool", "deploy/bootstrap/rabbitmq"]
)
def test_scripts_are_executable(name: str) -> None:
    assert (REPOSITORY / name).stat().st_mode & 0o111 == 0o111


def test_no_tracked_file_names_a_home_directory() -> None:
    homes = re.compile(rb"/(?:home|Users)/[A-Za-z]|/root/")
    assert [named(path) for path in tracked_files() if homes.search(path.read_bytes()) and path != Path(__file__)] == []


def sources() -> list[Path]:
    return [source for package in PACKAGES for source in sorted((REPOSITORY / package).rglob("*.py"))]


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def function_lengths() -> Iterator[tuple[str, int]]:
    for source in sources():
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{named(source)}:{node.name}", node.end_lineno - node.lineno + 1


def lock_lines(lock: str) -> list[str]:
    return [line for line in (REPOSITORY / lock).read_text().splitlines() if line and not line.startswith("#")]


def pins(lock: str) -> set[str]:
    return {line.split()[0] for line in lock_lines(lock) if "==" in line}


def tracked_files() -> list[Path]:
    """What git tracks or would track; nothing where this is no checkout (an unpacked archive)."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git from the PATH
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    paths = [REPOSITORY / name for name in listing.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]
