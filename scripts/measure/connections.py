"""Connections: resident memory of each idle one after a command, and throughput with few and with many."""

import contextlib
import resource
import socket
import sys

from scratch_server import CannotMeasure, pack

from measure import contenders, throughput
from measure.load import Load, run
from measure.memory import settled_bytes
from measure.placement import Placement, require_two_cores
from measure.rows import Row

# Files that a process has open beside its connections.
OTHER_FILES = 200
REPLY_SECONDS = 10
KEY = "lock:order"
TTL_MS = 3_600_000


def measure(plan):
    require_two_cores()
    require_files(max(plan.idle_connections, *plan.connection_steps) + OTHER_FILES)
    return {
        "idle_connections": plan.idle_connections,
        "bytes_per_connection": {one.name: idle_bytes(plan, one) for one in plan.plain_contenders},
        "steps": [step(plan, clients) for clients in plan.connection_steps],
    }


def require_files(count):
    """Raises the limit on open files; servers and loads inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, contenders.MAXCLIENTS + OTHER_FILES)
    if wanted < count:
        raise CannotMeasure(f"needs {count} open files, the limit is {wanted} (raise `ulimit -Hn`)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def idle_bytes(plan, one):
    """By how much each connection that has asked for a held lock, and then keeps still, makes the server grow."""
    count = plan.idle_connections
    with one.server() as server, contextlib.ExitStack() as stack:
        # The key is there before: what a keyspace takes for its first is no connection's.
        server.connections[0].call("SET", KEY, "holder", "PX", TTL_MS)
        before = settled_bytes(plan, server)
        for number in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), REPLY_SECONDS))
            connection.sendall(pack("SET", KEY, number, "NX", "PX", TTL_MS))
            if connection.recv(64) != b"$-1\r\n":
                raise CannotMeasure(f"{one.name} refused connection {number + 1} (raise `ulimit -Hn`)")
        each = (settled_bytes(plan, server) - before) / count
    print(f"  {count} idle connections to {one.name}: {each:.0f} bytes each", file=sys.stderr)
    return each


def step(plan, clients):
    """Lock cycles with so many connections, one request in flight on each: samples by contender."""
    load = Load("cycle", clients, 1, plan.seconds, plan.warmup_seconds)
    samples = {}
    for number in range(plan.step_rounds):
        order = plan.plain_contenders if number % 2 == 0 else plan.plain_contenders[::-1]
        for one in order:
            with one.server_on(Placement.ONE_CORE.server_cores) as server:
                sample = run(plan.command, server, load, Placement.ONE_CORE.load_cores)
            samples.setdefault(one.name, []).append(sample)
            throughput.tell(number, plan.step_rounds, Row("cycle", clients, 1), one.name, sample)
    return {"clients": clients, "samples": samples}
