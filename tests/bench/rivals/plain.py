"""A plain worker: aio-pika takes a message, a thread writes it with exchangelib, then it is acknowledged."""

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from calendars import THREADS, write

QUEUE = "bookings"


async def main() -> None:
    """Consume until told to stop."""
    threads = ThreadPoolExecutor(THREADS)
    connection = await aio_pika.connect_robust(os.environ["BENCH_AMQP_URL"])
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=2 * THREADS)
    queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})

    async def take(message: AbstractIncomingMessage) -> None:
        async with message.process(requeue=True):
            await asyncio.get_running_loop().run_in_executor(threads, write, json.loads(message.body))

    print("consuming", flush=True)  # noqa: T201 - the sign that the bench waits for
    await queue.consume(take)
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main())
