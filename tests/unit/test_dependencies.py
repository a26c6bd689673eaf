"""What is imported is declared, so that no other package's update takes it away."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PRODUCT = ("worker", "consumers", "adapters")
OURS = {*PRODUCT, "tests"}
RIVALS = REPOSITORY / "tests" / "bench" / "rivals"
"""Their libraries are not installed here."""


def test_what_the_product_imports_is_a_dependency_of_its_own() -> None:
    declared = names_of(PROJECT["dependencies"]) | names_of(PROJECT["optional-dependencies"]["tracing"])
    assert undeclared(PRODUCT, declared) == []


def test_what_the_tests_import_is_a_dependency_of_their_own() -> None:
    declared = names_of(PROJECT["dependencies"]) | names_of(PROJECT["optional-dependencies"]["dev"])
    assert undeclared(("tests",), declared) == []


@pytest.mark.parametrize("name", ["aio-pika", "aiormq", "pamqp", "exchangelib"])
def test_a_package_whose_private_parts_are_leaned_on_has_an_upper_cap(name: str) -> None:
    (declared,) = [each for each in PROJECT["dependencies"] if re.match(rf"{name}\b", each)]
    assert "<" in declared


def test_an_undeclared_package_is_named() -> None:
    assert "consumers/broker/connection.py: yarl" in undeclared(PRODUCT, names_of(PROJECT["dependencies"]) - {"yarl"})


def undeclared(folders: tuple[str, ...], declared: set[str]) -> list[str]:
    """Each file with a package that it imports and nobody declared."""
    homes = packages_distributions()
    return [
        f"{source.relative_to(REPOSITORY)}: {package}"
        for folder in folders
        for source in sorted((REPOSITORY / folder).rglob("*.py"))
        if not source.is_relative_to(RIVALS)
        for package in sorted(set(imported(source)) - OURS - sys.stdlib_module_names)
        if not declared & {normal(home) for home in homes.get(package, ())}
    ]


def imported(source: Path) -> Iterator[str]:
    """The first part of each module's name."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def names_of(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=]", each)[0]) for each in requirements}


def normal(name: str) -> str:
    """As the packages' index compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
