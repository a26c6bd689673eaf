"""The same write as a Celery task; run as a program it publishes."""

import os
from typing import Any

from celery import Celery
from told import publish_each

app = Celery("with_celery", broker=os.environ["BENCH_AMQP_URL"])
# Acknowledged when it is done and published with confirms: less would lose bookings.
app.conf.update(task_acks_late=True, task_ignore_result=True, broker_transport_options={"confirm_publish": True})


@app.task(name="write")
def write(command: dict[str, Any]) -> None:
    """Create the event of a command."""
    import calendars  # noqa: PLC0415 - who only publishes needs no Exchange

    calendars.write(command)


if __name__ == "__main__":
    publish_each(write.delay)
