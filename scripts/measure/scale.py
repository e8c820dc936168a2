"""Lock cycles among few and among many live locks: throughput, and the longest that a request waited."""

import contextlib
import sys

from measure import locks, summary
from measure.contenders import EchoServer, Role
from measure.load import Load, run
from measure.placement import Placement, on_cores, require_two_cores
from measure.rows import REPLIES

CYCLE, ACQUIRE = "cycle", "acquire"
CORES = Placement.ONE_CORE
CLIENTS = 50
PIPELINE = 16
# Every request in flight has a key of its own.
KEYS_MIN = 10_000
# By their hashes these lie all over the table; more of them only take longer to be looked for before the load.
KEYS_MAX = 1_000_000


def measure(plan):
    """Samples by number of live locks and contender, the load's keys among the live ones; and ours while it grows.

    The echo server, which keeps nothing, has the same loads: the longest wait with it is the machine's and the load's.
    """
    require_two_cores()
    sizes = {str(count): {} for count in plan.live_locks}
    for one in plan.plain_contenders:
        with one.server_on(CORES.server_cores) as server:
            filled = 0
            for count in plan.live_locks:
                with on_cores(CORES.load_cores):
                    locks.fill(server, filled, count)
                filled = count
                sizes[str(count)][one.name] = cycles(plan, server, count)
                tell(f"{count} live locks in {one.name}", sizes[str(count)][one.name])
    for count in plan.live_locks:
        with echo_server(CYCLE) as server:
            sizes[str(count)][Role.ECHO.value] = cycles(plan, server, count)
    return {"sizes": sizes, "growth": growth(plan)}


@contextlib.contextmanager
def echo_server(workload):
    with contextlib.ExitStack() as stack:
        with on_cores(CORES.server_cores):
            server = stack.enter_context(EchoServer(REPLIES[workload]))
        yield server


def cycles(plan, server, live):
    load = Load(CYCLE, CLIENTS, PIPELINE, plan.seconds, plan.warmup_seconds, keys=min(max(live, KEYS_MIN), KEYS_MAX))
    return [once(plan, server, load) for _ in range(plan.rounds)]


def growth(plan):
    """The largest number of locks taken by a load, each time in a server that had none; ours and the echo server."""
    taken = {}
    for _ in range(plan.rounds):
        for one in plan.plain_contenders:
            if one.role is Role.OURS:
                with one.server_on(CORES.server_cores) as server:
                    taken.setdefault(one.name, []).append(all_taken(plan, server))
        with echo_server(ACQUIRE) as server:
            taken.setdefault(Role.ECHO.value, []).append(all_taken(plan, server))
    for name, samples in taken.items():
        tell(f"{plan.live_locks[-1]} locks taken in {name}", samples)
    return taken


def all_taken(plan, server):
    count = plan.live_locks[-1]
    load = Load(
        ACQUIRE, CLIENTS, PIPELINE, plan.seconds, warmup_seconds=0, keys=count, ttl_ms=locks.TTL_MS, requests=count
    )
    return once(plan, server, load)


def once(plan, server, load):
    is_echo = isinstance(server, EchoServer)
    return run(plan.command, server, load, CORES.load_cores, wrong_replies_are_wrong=not is_echo)


def tell(what, samples):
    rate = summary.median(samples, summary.requests_per_second)
    pause = max(map(summary.latency_us("max"), samples)) / 1000
    print(f"  {what}: {rate:.0f}/s, longest wait {pause:.1f} ms", file=sys.stderr)
