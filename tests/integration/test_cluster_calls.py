"""The client of a cluster on a real one: where calls go, what is followed, what is not repeated."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.crc import key_slot
from redis.exceptions import ClusterCrossSlotError, ConnectionError, TimeoutError

from server.cluster import clients
from server.cluster.client import ClusterRedis
from server.cluster.confirming import Unconfirmed
from server.given_redis import UnfitRedis, check
from tests.integration.house import eventually
from tests.redis_cluster import Node, RedisCluster

ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def client(redis_cluster: RedisCluster, stack: AsyncExitStack) -> ClusterRedis:
    redis_cluster.empty()
    opened = (await clients.connect(redis_cluster.url, stack))()
    assert isinstance(opened, ClusterRedis)
    return opened


async def test_a_batch_spreads_and_comes_back_in_order(client: ClusterRedis) -> None:
    async with client.pipeline(transaction=False) as pipe:
        for number in range(60):
            pipe.set(f"a{{{number}}}", number)
            pipe.get(f"a{{{number}}}")
        replies = await pipe.execute()
    assert replies[::2] == [True] * 60
    assert [int(reply) for reply in replies[1::2]] == list(range(60))


async def test_a_transaction_has_one_tag(client: ClusterRedis) -> None:
    async with client.pipeline(transaction=True) as pipe:
        pipe.hset("h{1}", "f", 2)
        pipe.hgetall("h{1}")
        assert await pipe.execute() == [1, {b"f": b"2"}]
        pipe.get("{1}")
        pipe.get("{2}")
        with pytest.raises(ClusterCrossSlotError):
            await pipe.execute()


async def test_a_call_without_an_answer_is_not_sent_again(
    client: ClusterRedis, redis_cluster: RedisCluster
) -> None:
    """It is unknown, and applied once."""
    node = redis_cluster.primaries[1]
    key = redis_cluster.named("k", 1)
    await client.get(key)
    node.signal(signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            await client.incr(key)
        assert await client.incr(redis_cluster.named("k", 2)) == 1, "other nodes go on"
    finally:
        node.signal(signal.SIGCONT)
        redis_cluster.settle()

    async def done() -> bool:
        return node.client.get(key) is not None

    await eventually(done)
    assert await client.get(key) == b"1"


async def test_a_dead_node_fails_its_own_part_only(
    client: ClusterRedis, redis_cluster: RedisCluster
) -> None:
    names = [redis_cluster.named("k", place) for place in range(3)]
    redis_cluster.primaries[1].kill()
    try:
        async with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.incr(name)
            replies = await pipe.execute(raise_on_error=False)
        assert (replies[0], replies[2]) == (1, 1)
        assert isinstance(replies[1], ConnectionError)
        assert await client.ping()
        check(redis_cluster.url)  # a server may start meanwhile
    finally:
        redis_cluster.primaries[1].revive()
        redis_cluster.settle()


async def test_a_slot_on_its_way_is_followed(
    client: ClusterRedis, redis_cluster: RedisCluster, stack: AsyncExitStack
) -> None:
    """ASK while it moves, MOVED afterwards; the subscription comes along."""
    source, target = redis_cluster.primaries[1], redis_cluster.primaries[2]
    key = redis_cluster.named("moving", 1)
    slot = key_slot(key.encode())
    lines = client.pubsub()
    await lines.subscribe(key)
    assert (await lines.get_message())["type"] == "subscribe"
    await client.eval(ADD, 1, key, 1)
    await move_slot(source, target, slot, "begin")
    assert await client.eval(ADD, 1, key, 1) == 2, "still at the source"
    source.client.migrate("127.0.0.1", target.port, key, 0, 2_000)
    assert await client.eval(ADD, 1, key, 1) == 3, "asked for at the target"
    async with client.pipeline(transaction=False) as pipe:
        pipe.incr(key)
        assert await pipe.execute() == [4]
    await move_slot(source, target, slot, "end")
    async with client.pipeline(transaction=True) as pipe:
        pipe.incr(key)
        assert await pipe.execute() == [5]
    kinds = set()
    while "restored" not in kinds:
        kinds.add((await lines.get_message(timeout=10))["type"])
    await client.execute_command("SPUBLISH", key, "there")
    while (message := await lines.get_message(timeout=10))["type"] != "message":
        pass
    assert message["data"] == b"there"
    await lines.aclose()
    await move_slot(target, source, slot, "begin")
    target.client.migrate("127.0.0.1", source.port, key, 0, 2_000)
    await move_slot(target, source, slot, "end")
    assert await client.get(key) == b"5"


async def move_slot(source: Node, target: Node, slot: int, step: str) -> None:
    ids = [
        str(node.client.execute_command("CLUSTER", "MYID"), "ascii") for node in (source, target)
    ]
    if step == "begin":
        target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
        source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
    else:
        for node in (target, source):
            node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])


async def test_an_answer_waits_for_the_replica(
    redis_cluster: RedisCluster, stack: AsyncExitStack
) -> None:
    """Where there is one. Where there is none the answer is unknown, though the script has run."""
    redis_cluster.empty()
    open_one = await clients.connect(redis_cluster.url, stack, replicas=1)
    client = open_one()
    with_replica, without = redis_cluster.named("k", 0), redis_cluster.named("k", 1)
    assert await client.eval(ADD, 1, with_replica, 7) == 7
    assert redis_cluster.replica_has_all()
    with pytest.raises(Unconfirmed):
        await client.eval(ADD, 1, without, 7)
    assert await client.get(without) == b"7"
    digest: Any = redis_cluster.primaries[1].client.script_load(ADD)
    counting = open_one(uncounted={digest})
    assert await counting.evalsha(digest, 1, without, 1) == 8


async def test_all_clients_of_a_worker_learn_together(
    client: ClusterRedis, redis_cluster: RedisCluster, stack: AsyncExitStack
) -> None:
    """One that reads nothing by itself, as the bus, hears what another has run into."""
    told = asyncio.Event()
    client.nodes.on_moved.append(told.set)
    client.nodes.move(0, client.nodes.table.places[2])  # wrong: a look at the table mends it
    await told.wait()

    async def mended() -> bool:
        return client.nodes.table.owner(0) == client.nodes.table.owner(1)

    await eventually(mended)


def test_a_node_of_a_cluster_given_as_a_plain_redis_is_refused(redis_cluster: RedisCluster) -> None:
    port = redis_cluster.primaries[0].port
    with pytest.raises(UnfitRedis, match=r"redis\+cluster"):
        check(f"redis://127.0.0.1:{port}")
    check(redis_cluster.url)
    with pytest.raises(UnfitRedis):
        check("redis+cluster://127.0.0.1:1")
