"""redlock-py over five servers: all up, two lost, three lost.

One behaviour of the library is asserted although it is its own fault: as soon as a single server cannot be reached,
`lock` raises even with a majority, and leaves the majority's keys to expire. What the servers answered shows anyway:
the surviving three hold the lock under one token, and the next `lock` finds them taken.
"""

import pytest
from redlock import Lock, MultipleRedlockException, Redlock

from instances import HOST, Address, unused_port
from waiting import until

TTL_MS = 60_000


def redlock_over(connections):
    return Redlock(connections, retry_count=2, retry_delay=0.02)


def holders(connections, key):
    return sum(connection.exists(key) for connection in connections)


def test_lock_is_held_on_all_five_refused_and_freed(cluster, connect, key):
    connections = [connect(address) for address in cluster.addresses]
    redlock = redlock_over(connections)
    lock = redlock.lock(key, TTL_MS)
    assert isinstance(lock, Lock) and 0 < lock.validity < TTL_MS
    assert [connection.get(key) for connection in connections] == [lock.key] * 5
    assert all(0 < connection.pttl(key) <= TTL_MS for connection in connections)
    assert redlock_over(connections).lock(key, TTL_MS) is False
    assert [connection.get(key) for connection in connections] == [lock.key] * 5
    redlock.unlock(lock)
    assert holders(connections, key) == 0
    redlock.unlock(redlock.lock(key, TTL_MS))


def test_a_majority_is_enough_and_a_minority_is_given_back(cluster, connect, key):
    connections = [connect(address) for address in cluster.addresses]
    redlock = redlock_over(connections)
    for taken in connections[:2]:
        taken.set(key, "another holder", px=TTL_MS)
    lock = redlock.lock(key, TTL_MS)
    assert isinstance(lock, Lock)
    redlock.unlock(lock)
    assert holders(connections, key) == 2
    connections[2].set(key, "another holder", px=TTL_MS)
    assert redlock.lock(key, TTL_MS) is False
    assert [connection.get(key) for connection in connections] == [b"another holder"] * 3 + [None] * 2


def test_a_lock_that_expires_is_not_taken_from_the_next_holder(cluster, connect, key):
    connections = [connect(address) for address in cluster.addresses]
    redlock = redlock_over(connections)
    late = until("a lock of 500 ms is taken in time", lambda: redlock.lock(key, 500))
    until(f"{key} is free", lambda: holders(connections, key) == 0)
    lock = redlock.lock(key, TTL_MS)
    redlock.unlock(late)
    assert [connection.get(key) for connection in connections] == [lock.key] * 5


def lose_by_stopping(five, connect, count):
    for instance in five[5 - count:]:
        instance.stop()
    return [connect(instance.address) for instance in five]


def lose_by_absence(five, connect, count):
    nobody = [Address(HOST, unused_port()) for _ in range(count)]
    return [connect(address) for address in [instance.address for instance in five[: 5 - count]] + nobody]


@pytest.mark.parametrize("lose", [lose_by_stopping, lose_by_absence])
def test_with_two_of_five_down_the_three_hold_the_lock(five, connect, key, lose):
    connections = lose(five, connect, 2)
    survivors = connections[:3]
    with pytest.raises(MultipleRedlockException) as raised:
        redlock_over(connections).lock(key, TTL_MS)
    assert len(raised.value.errors) == 2
    tokens = {connection.get(key) for connection in survivors}
    assert len(tokens) == 1 and None not in tokens
    assert redlock_over(connections).lock(key, TTL_MS) is False
    assert {connection.get(key) for connection in survivors} == tokens
    redlock_over(connections).unlock(Lock(0, key, tokens.pop()))
    assert holders(survivors, key) == 0


@pytest.mark.parametrize("lose", [lose_by_stopping, lose_by_absence])
def test_with_three_of_five_down_nothing_stays_locked(five, connect, key, lose):
    connections = lose(five, connect, 3)
    assert redlock_over(connections).lock(key, TTL_MS) is False
    assert holders(connections[:2], key) == 0


def test_a_held_lock_survives_the_loss_of_two(five, connect, key):
    connections = [connect(instance.address) for instance in five]
    redlock = redlock_over(connections)
    lock = redlock.lock(key, TTL_MS)
    assert isinstance(lock, Lock)
    for instance in five[3:]:
        instance.stop()
    assert redlock_over(connections).lock(key, TTL_MS) is False
    assert [connection.get(key) for connection in connections[:3]] == [lock.key] * 3
    redlock.unlock(lock)
    assert holders(connections[:3], key) == 0
