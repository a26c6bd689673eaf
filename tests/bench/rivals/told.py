"""Publishes what comes on standard input, command by command, and answers when each was published."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def publish_each(publish: Callable[[dict[str, Any]], object]) -> None:
    """Until the input ends."""
    for line in sys.stdin:
        command = json.loads(line)
        at = time.monotonic()
        publish(command)
        sys.stdout.write(f"{command['booking_id']} {at}\n")
        sys.stdout.flush()
