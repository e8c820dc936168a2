"""The servers and connections that tests ask for by name.

`cluster` is shared by a whole run, so a test takes keys of its own (`key`); `five` belongs to one test, which may stop
single servers of it.
"""

import uuid

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import results
from instances import Cluster, start_five


def pytest_terminal_summary(terminalreporter):
    for remark in results.remarks:
        terminalreporter.write_line(remark)


@pytest.fixture(scope="session")
def cluster():
    servers = Cluster()
    yield servers
    servers.stop()


@pytest.fixture
def five():
    instances = start_five()
    yield instances
    for instance in instances:
        instance.stop()


@pytest.fixture
def key():
    return f"lock:order:{uuid.uuid4()}"


@pytest.fixture
def connect():
    """Opens a connection to an address; a server that is down fails at once, without the library's own retries."""
    opened = []

    def open_connection(address, **options):
        retry = Retry(NoBackoff(), 0)
        client = redis.Redis(host=address.host, port=address.port, retry=retry, socket_connect_timeout=10, **options)
        opened.append(client)
        return client

    yield open_connection
    for client in opened:
        client.close()


@pytest.fixture
def client(cluster, connect):
    return connect(cluster.addresses[0])


@pytest.fixture
def other(cluster, connect):
    return connect(cluster.addresses[0])
