"""redis-py's asyncio `Lock` on one server: contention, blocking, extension and loss."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
import redis.asyncio
from redis.exceptions import LockError, LockNotOwnedError

from waiting import until_async

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def connected(cluster):
    address = cluster.addresses[0]
    client = redis.asyncio.Redis(host=address.host, port=address.port)
    try:
        yield client
    finally:
        await client.aclose()


async def until_free(client, key):
    async def is_free():
        return await client.exists(key) == 0

    await until_async(f"{key} is free", is_free)


async def test_held_lock_is_refused_until_released(cluster, key):
    async with connected(cluster) as client, connected(cluster) as other:
        held = client.lock(key, timeout=30)
        rival = other.lock(key, timeout=60)
        assert await held.acquire(blocking=False)
        assert await client.get(key) == held.local.token
        assert 0 < await client.pttl(key) <= 30_000
        assert not await rival.acquire(blocking=False)
        assert await held.owned() and not await rival.owned()
        await held.release()
        assert await rival.acquire(blocking=False)
        await rival.release()
        assert await client.exists(key) == 0


async def test_blocking_acquire_gives_up_at_its_timeout(cluster, key):
    async with connected(cluster) as client, connected(cluster) as other:
        held = client.lock(key, timeout=60)
        assert await held.acquire(blocking=False)
        started_at = time.monotonic()
        assert not await other.lock(key, timeout=60, sleep=0.01).acquire(blocking_timeout=0.3)
        assert time.monotonic() - started_at >= 0.25
        await held.release()


async def test_blocking_acquire_gets_the_lock_when_it_is_released(cluster, key):
    async with connected(cluster) as client, connected(cluster) as other:
        held = client.lock(key, timeout=60)
        assert await held.acquire(blocking=False)
        rival = other.lock(key, timeout=60, sleep=0.01)
        waiting = asyncio.create_task(rival.acquire(blocking_timeout=30))
        await asyncio.sleep(0)
        assert await held.owned() and not waiting.done()
        await held.release()
        assert await waiting
        assert await rival.owned()
        await rival.release()


async def test_extend_and_reacquire_move_the_deadline(cluster, key):
    async with connected(cluster) as client:
        lock = client.lock(key, timeout=30)
        assert await lock.acquire(blocking=False)
        assert await lock.extend(300)
        assert 300_000 < await client.pttl(key) <= 330_000
        assert await lock.extend(100, replace_ttl=True)
        assert 70_000 < await client.pttl(key) <= 100_000
        assert await lock.reacquire()
        assert 0 < await client.pttl(key) <= 30_000
        await lock.release()


async def test_expired_lock_is_reported_and_the_next_holder_keeps_theirs(cluster, key):
    async with connected(cluster) as client, connected(cluster) as other:
        late = client.lock(key, timeout=0.3)
        assert await late.acquire(blocking=False)
        await until_free(client, key)
        holder = other.lock(key, timeout=60)
        assert await holder.acquire(blocking=False)
        with pytest.raises(LockNotOwnedError):
            await late.extend(10)
        with pytest.raises(LockNotOwnedError):
            await late.reacquire()
        with pytest.raises(LockNotOwnedError):
            await late.release()
        with pytest.raises(LockError):
            await late.release()
        assert await holder.owned()
        await holder.release()


async def test_fifty_tasks_are_inside_one_after_another(cluster, key):
    inside = 0
    visits = 0

    async def visit(client):
        nonlocal inside, visits
        async with client.lock(key, timeout=60, sleep=0.005, blocking_timeout=60):
            inside += 1
            assert inside == 1
            await client.get(key)
            visits += 1
            inside -= 1

    async with connected(cluster) as client:
        await asyncio.gather(*(visit(client) for _ in range(50)))
    assert visits == 50
