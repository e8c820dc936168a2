"""Every lock library of this environment does the same six things, each with servers of its own: acquire, contention,
extend, release, a wrong token, expiry. What it did, and how its scripts ran, is a line of the results.

A proxy in front of each server hears the library's scripts; the tests look at the keys past the proxy. What a
library lacks is skipped: the line says why.
"""

import uuid

import pytest
import redis

import libraries
import results
from instances import IS_REAL_REDIS, Cluster
from recorder import Recorder
from scripts import reasons_for_lua, scripts_in
from waiting import until

FOREIGN = b"the token of somebody else"
TTL_MS = 20_000


class Deployment:
    """Five servers of one library's own, a recorder before each, and two users of the library."""

    def __init__(self, library):
        self.library = library
        self.cluster = Cluster()
        self.recorders = [Recorder(address) for address in self.cluster.addresses]
        self.clients = [redis.Redis(host=address.host, port=address.port) for address in self.cluster.addresses]
        self.servers = self.clients[: library.servers]
        self.runs_before = self.runs()
        addresses = [recorder.address for recorder in self.recorders]
        self.users = [library(addresses), library(addresses)]
        self.passed = []

    def runs(self):
        if IS_REAL_REDIS:
            return 0, 0
        each = [results.runs_so_far(client) for client in self.clients]
        return sum(native for native, _ in each), sum(lua for _, lua in each)

    def values(self, key):
        return [server.get(key) for server in self.servers]

    def ttls_ms(self, key):
        return [server.pttl(key) for server in self.servers]

    def until_held_on(self, key, count):
        def holders():
            return sum(server.exists(key) for server in self.servers)

        until(f"{key} is held on {count}", lambda: holders() == count)

    def tell(self):
        """Writes the library's line, and checks that the two ways of counting agree."""
        scripts = scripts_in(words for recorder in self.recorders for words in list(recorder.commands))
        reasons = reasons_for_lua(scripts, self.clients[0].execute_command)
        native, lua = (now - before for now, before in zip(self.runs(), self.runs_before))
        result = results.line(self.library, self.passed, scripts, reasons)
        assert (native > 0) == (result["native"] > 0), f"{native} native runs of {result['native']} native scripts"
        assert (lua > 0) == (len(reasons) > 0), f"{lua} runs in Lua of {len(reasons)} scripts"
        title = " ".join(filter(None, (result["library"], result["version"], result["part"])))
        results.remarks.append(f"{title}: {native} script runs natively, {lua} in Lua")
        for text, reason in reasons.items():
            results.remarks.append(f"in Lua, {reason}:\n{text.decode()}")
        results.append(result)

    def stop(self):
        for user in self.users:
            user.close()
        try:
            if not IS_REAL_REDIS:
                self.tell()
        finally:
            for client in self.clients:
                client.close()
            for recorder in self.recorders:
                recorder.stop()
            self.cluster.stop()


def shows_acquire(at, name, key):
    # Some locks release themselves when nobody holds the object.
    held = at.users[0].acquire(name, TTL_MS)
    assert held
    at.until_held_on(key, at.library.servers)
    assert len(set(at.values(key))) == 1, "one token on all servers"
    assert all(0 < ttl_ms <= TTL_MS for ttl_ms in at.ttls_ms(key))


def shows_contention(at, name, key):
    held = at.users[0].acquire(name, TTL_MS)
    at.until_held_on(key, at.library.servers)
    tokens = at.values(key)
    assert at.users[1].acquire(name, 10 * TTL_MS) is None
    assert at.values(key) == tokens, "the refused attempt changed nothing"
    assert all(0 < ttl_ms <= TTL_MS for ttl_ms in at.ttls_ms(key))
    at.users[0].release(held)


def shows_extend(at, name, key):
    held = at.users[0].acquire(name, TTL_MS)
    at.until_held_on(key, at.library.servers)
    for server in at.servers:
        assert server.pexpire(key, TTL_MS // 2)
    assert at.users[0].extend(held, TTL_MS) is not False
    until("every ttl is long again", lambda: all(TTL_MS // 2 < ttl_ms <= TTL_MS for ttl_ms in at.ttls_ms(key)))
    at.users[0].release(held)


def shows_release(at, name, key):
    held = at.users[0].acquire(name, TTL_MS)
    at.until_held_on(key, at.library.servers)
    assert at.users[0].release(held) is not False
    at.until_held_on(key, 0)
    following = at.users[1].acquire(name, TTL_MS)
    assert following, "a lock that was released can be had"
    at.users[1].release(following)
    at.until_held_on(key, 0)


def shows_wrong_token(at, name, key):
    held = at.users[0].acquire(name, TTL_MS)
    at.until_held_on(key, at.library.servers)
    for server in at.servers:
        server.set(key, FOREIGN, px=TTL_MS // 2)
    if "extend" not in at.library.lacks:
        assert at.users[0].extend(held, TTL_MS) is False, "the holder is told that it lost the lock"
    at.users[0].release(held)
    assert at.values(key) == [FOREIGN] * at.library.servers
    assert all(0 < ttl_ms <= TTL_MS // 2 for ttl_ms in at.ttls_ms(key))


def shows_expiry(at, name, key):
    late = until("a short lock is taken in time", lambda: at.users[0].acquire(name, at.library.shortest_ttl_ms))
    at.until_held_on(key, 0)
    following = at.users[1].acquire(name, TTL_MS)
    assert following, "an expired lock can be had"
    at.until_held_on(key, at.library.servers)
    if "wrong token" not in at.library.lacks:
        tokens = at.values(key)
        at.users[0].release(late)
        assert at.values(key) == tokens, "a late release takes nothing from the next holder"
    at.users[1].release(following)


SHOWS = {
    "acquire": shows_acquire,
    "contention": shows_contention,
    "extend": shows_extend,
    "release": shows_release,
    "wrong token": shows_wrong_token,
    "expiry": shows_expiry,
}


@pytest.fixture(scope="module")
def deployment(request):
    own = Deployment(request.param)
    yield own
    own.stop()


@pytest.mark.parametrize("deployment", libraries.here(), indirect=True)
@pytest.mark.parametrize("what", SHOWS)
def test_library(deployment, what):
    if what in deployment.library.lacks:
        pytest.skip(deployment.library.lacks[what])
    name = f"order:{uuid.uuid4()}"
    SHOWS[what](deployment, name, deployment.users[0].name_of(name))
    deployment.passed.append(what)
