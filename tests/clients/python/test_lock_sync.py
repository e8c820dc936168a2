"""redis-py's `Lock` on one server: acquire, contention, blocking, extension, reacquisition and loss."""

import threading
import time

import pytest
import redis
from redis.exceptions import LockError, LockNotOwnedError

from waiting import until

IS_RESP3_BY_DEFAULT = int(redis.__version__.split(".")[0]) >= 8


def until_free(client, key):
    until(f"{key} is free", lambda: client.exists(key) == 0)


def test_connection_speaks_the_protocol_of_the_library(client):
    reply = client.execute_command("HELLO")
    fields = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2]))
    fields = {(name.decode() if isinstance(name, bytes) else name): value for name, value in fields.items()}
    assert fields["proto"] == (3 if IS_RESP3_BY_DEFAULT else 2)
    assert fields["role"] in (b"master", "master")


def test_lock_carries_its_token_and_a_deadline(client, key):
    lock = client.lock(key, timeout=30)
    assert lock.acquire(blocking=False)
    assert client.get(key) == lock.local.token
    assert 0 < client.pttl(key) <= 30_000
    assert lock.locked() and lock.owned()
    lock.release()
    assert client.exists(key) == 0
    assert not lock.locked()


def test_lock_without_timeout_has_no_deadline(client, key):
    lock = client.lock(key)
    assert lock.acquire(blocking=False)
    assert client.pttl(key) == -1
    with pytest.raises(LockError, match="no timeout"):
        lock.extend(10)
    lock.release()


def test_held_lock_is_refused_to_others(client, other, key):
    held = client.lock(key, timeout=30)
    assert held.acquire(blocking=False)
    rival = other.lock(key, timeout=60)
    assert not rival.acquire(blocking=False)
    assert not rival.owned() and rival.locked()
    assert client.pttl(key) <= 30_000
    with pytest.raises(LockError, match="not owned|unlocked"):
        rival.release()
    held.release()
    assert rival.acquire(blocking=False)
    rival.release()


def test_blocking_acquire_gives_up_at_its_timeout(client, other, key):
    held = client.lock(key, timeout=60)
    assert held.acquire(blocking=False)
    started_at = time.monotonic()
    assert not other.lock(key, timeout=60, sleep=0.01).acquire(blocking=True, blocking_timeout=0.3)
    assert time.monotonic() - started_at >= 0.25
    assert held.owned()
    held.release()


def test_blocking_acquire_gets_the_lock_when_it_is_released(client, other, key):
    held = client.lock(key, timeout=60, thread_local=False)
    assert held.acquire(blocking=False)
    rival = other.lock(key, timeout=60, sleep=0.01, blocking_timeout=30, thread_local=False)
    outcome = []
    waiter = threading.Thread(target=lambda: outcome.append(rival.acquire()))
    waiter.start()
    assert outcome == [] and held.owned()
    held.release()
    waiter.join()
    assert outcome == [True] and rival.owned()
    rival.release()


def test_blocking_acquire_gets_the_lock_when_it_expires(client, other, key):
    assert client.lock(key, timeout=0.3).acquire(blocking=False)
    rival = other.lock(key, timeout=60, sleep=0.01)
    assert rival.acquire(blocking_timeout=30)
    assert rival.owned()
    rival.release()


def test_extend_adds_to_the_ttl_or_replaces_it(client, key):
    lock = client.lock(key, timeout=30)
    assert lock.acquire(blocking=False)
    assert lock.extend(300)
    assert 300_000 < client.pttl(key) <= 330_000
    assert lock.extend(100, replace_ttl=True)
    assert 70_000 < client.pttl(key) <= 100_000
    lock.release()


def test_reacquire_resets_the_ttl(client, key):
    lock = client.lock(key, timeout=60)
    assert lock.acquire(blocking=False)
    assert client.pexpire(key, 20_000)
    assert lock.reacquire()
    assert 20_000 < client.pttl(key) <= 60_000
    lock.release()


def test_expired_lock_is_reported_and_the_next_holder_keeps_theirs(client, other, key):
    late = client.lock(key, timeout=0.3)
    assert late.acquire(blocking=False)
    until_free(client, key)
    holder = other.lock(key, timeout=60)
    assert holder.acquire(blocking=False)
    with pytest.raises(LockNotOwnedError):
        late.extend(10)
    with pytest.raises(LockNotOwnedError):
        late.reacquire()
    with pytest.raises(LockNotOwnedError):
        late.release()
    with pytest.raises(LockError):
        late.release()
    assert holder.owned() and client.pttl(key) > 10_000
    holder.release()


def test_context_manager_releases_and_reports_a_loss(client, other, key):
    with pytest.raises(ZeroDivisionError), client.lock(key, timeout=60):
        assert other.exists(key) == 1
        raise ZeroDivisionError
    assert other.exists(key) == 0
    with pytest.raises(LockNotOwnedError), client.lock(key, timeout=0.3):
        until_free(client, key)
    with client.lock(key, timeout=60), pytest.raises(LockError):
        with other.lock(key, timeout=60, blocking=False):
            pytest.fail("two holders")


def test_own_token_is_stored_as_given(client, key):
    lock = client.lock(key, timeout=60)
    assert lock.acquire(blocking=False, token=b"\x00\xffbinary\r\n")
    assert client.get(key) == b"\x00\xffbinary\r\n"
    lock.release()
    assert client.exists(key) == 0


def test_scripts_survive_a_flushed_script_cache(client, key):
    lock = client.lock(key, timeout=60)
    assert lock.acquire(blocking=False)
    assert lock.extend(10)
    client.script_flush()
    assert lock.extend(10)
    client.script_flush()
    lock.release()
    assert client.exists(key) == 0


def test_many_threads_are_inside_one_after_another(cluster, connect, key):
    inside = []
    faults = []
    visits = []

    def visit():
        client = connect(cluster.addresses[0])
        for _ in range(5):
            with client.lock(key, timeout=60, sleep=0.002, blocking_timeout=60):
                inside.append(1)
                client.get(key)
                faults.extend(inside[1:])
                visits.append(1)
                inside.pop()

    threads = [threading.Thread(target=visit) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(visits) == 60
