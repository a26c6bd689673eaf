from consumers.broker.queue_names import QueueNames
from consumers.broker.topology import Topology


def arguments(queue: str, *, version: tuple[int, ...] = (3, 10)) -> dict[str, object]:
    topology = Topology.of(QueueNames("roomsync"), 16, broker_version=version)
    return next(dict(form.arguments) for form in topology.queues if form.name == queue)


def test_names_are_as_publishers_know_them() -> None:
    topology = Topology.of(QueueNames("roomsync"), 16)
    assert {form.name: form.type for form in topology.exchanges} == {
        "roomsync.commands": "x-consistent-hash",
        "roomsync.failed": "fanout",
        "roomsync.results": "topic",
        **{f"roomsync.deferred.{tier_s}": "fanout" for tier_s in (15, 60, 300, 900, 3600)},
    }
    assert [form.name for form in topology.queues if form.name.startswith("roomsync.commands.")][-1] == (
        "roomsync.commands.15"
    )


def test_more_than_a_hundred_partitions_have_three_digits() -> None:
    assert QueueNames("x").partition(120) == "x.commands.120"


def test_a_partition_is_a_quorum_queue_with_one_active_consumer() -> None:
    assert arguments("roomsync.commands.00") == {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": "roomsync.failed",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_a_deferred_queue_gives_back_to_the_commands_and_keeps_the_routing_key() -> None:
    assert arguments("roomsync.deferred.300") == {
        "x-queue-type": "quorum",
        "x-message-ttl": 300_000,
        "x-dead-letter-exchange": "roomsync.commands",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_the_failed_queue_has_no_delivery_limit_on_any_broker() -> None:
    assert arguments("roomsync.failed") == {"x-queue-type": "quorum"}
    assert arguments("roomsync.failed", version=(4, 1)) == {"x-queue-type": "quorum", "x-delivery-limit": -1}


def test_what_no_partition_takes_goes_to_failed() -> None:
    topology = Topology.of(QueueNames("roomsync"), 1)
    commands = next(form for form in topology.exchanges if form.name == "roomsync.commands")
    assert commands.arguments == {"alternate-exchange": "roomsync.failed"}
