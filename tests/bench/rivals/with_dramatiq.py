"""The same write as a Dramatiq actor; run as a program it publishes."""

import os
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from told import publish_each

broker = RabbitmqBroker(url=os.environ["BENCH_AMQP_URL"], confirm_delivery=True)
dramatiq.set_broker(broker)


@dramatiq.actor
def write(command: dict[str, Any]) -> None:
    """Create the event of a command."""
    import calendars  # noqa: PLC0415 - who only publishes needs no Exchange

    calendars.write(command)


if __name__ == "__main__":
    publish_each(write.send)
