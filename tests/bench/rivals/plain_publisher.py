"""Publishes for the plain worker, with confirms."""

import json
import os
from typing import Any

import pika
from told import publish_each

QUEUE = "bookings"


def main() -> None:
    """Publish standard input."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["BENCH_AMQP_URL"]))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)

    def publish(command: dict[str, Any]) -> None:
        channel.basic_publish("", QUEUE, json.dumps(command).encode(), persistent, mandatory=True)

    publish_each(publish)
    connection.close()


if __name__ == "__main__":
    main()
