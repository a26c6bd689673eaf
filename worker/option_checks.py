"""What options of commands are checked for beyond their types and bounds."""

import math

import typer


def finite(number: float | None) -> float | None:
    """A number that can be counted with: `nan` and `inf` pass every bound of an option."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter("expected a number")
    return number
