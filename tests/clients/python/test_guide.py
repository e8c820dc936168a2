"""The examples of docs/testing-redlock.md: pottery's Redlock on redis-py, and a cluster that fails on demand.

Text between `guide:` marks stands in the document as it is here; a test of the server compares them. Every example has
a cluster of its own.
"""

import pytest

from instances import IS_REAL_REDIS, Cluster

pytest.importorskip("pottery")
pytestmark = pytest.mark.skipif(IS_REAL_REDIS, reason="no Redis has these faults")

# guide: setup
import contextlib
import time

import redis
from pottery import ExtendUnlockedLock, Redlock, ReleaseUnlockedLock
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(port):
    return redis.Redis(port=port, socket_timeout=0.5, retry=Retry(NoBackoff(), 0))


def lock_on(five):
    return Redlock(key="order:42", masters=set(five), auto_release_time=10)


def fault(client, *words):
    with contextlib.suppress(redis.ConnectionError):  # a crash is not answered
        client.execute_command("DEBUG", *words)


def until_held_on(clients, count):
    deadline = time.monotonic() + 5
    while sum(client.exists("redlock:order:42") for client in clients) != count:
        assert time.monotonic() < deadline  # a vote ends with its majority; the other servers follow
# guide: end


@pytest.fixture
def five():
    cluster = Cluster()
    clients = [connect(address.port) for address in cluster.addresses]
    yield clients
    for client in clients:
        client.close()
    cluster.stop()


# guide: two of five down
def test_two_of_five_down(five):
    for down in five[:2]:
        fault(down, "CRASH")
    lock = lock_on(five)
    assert lock.acquire(blocking=False)
    assert lock_on(five).acquire(blocking=False) is False
    lock.release()
    fault(five[2], "CRASH")
    assert lock_on(five).acquire(blocking=False) is False
    until_held_on(five[3:], 0)  # a minority was given back
# guide: end


# guide: lost reply
def test_lost_reply(five):
    for losing in five[:3]:
        fault(losing, "DROP", 1)
    assert lock_on(five).acquire(blocking=False) is False  # three did not answer
    until_held_on(five, 0)  # and nothing stays behind on them
    lock = lock_on(five)
    assert lock.acquire(blocking=False)
    until_held_on(five, 5)
    fault(five[0], "DROP", 1)
    lock.extend()  # four of five are enough
    lock.release()
    until_held_on(five, 0)
# guide: end


# guide: slow node
def test_slow_node(five):
    fault(five[2], "DELAY", 5000, 1000)  # 5 to 6 seconds late: longer than socket_timeout
    lock = lock_on(five)
    assert lock.acquire(blocking=False)
    assert lock.locked() > 5  # it did not wait for the slow one
    lock.release()
    for slow in five[:2]:
        fault(slow, "DELAY", 5000)
    assert lock_on(five).acquire(blocking=False) is False
# guide: end


# guide: expired while held
def test_expired_while_held(five):
    lock, following = lock_on(five), lock_on(five)
    assert lock.acquire(blocking=False)
    until_held_on(five, 5)
    for client in five:
        fault(client, "ADVANCE", 10_000)
    assert following.acquire(blocking=False)  # somebody else has it
    with pytest.raises(ExtendUnlockedLock):  # and the first one is told
        lock.extend()
    with pytest.raises(ReleaseUnlockedLock):
        lock.release()
    assert following.locked() > 0
# guide: end
