"""Lock cycles among few and among many live locks: throughput, and the longest that a request waited."""

import sys

from measure import locks, summary
from measure.contenders import Role
from measure.load import Load, run
from measure.placement import Placement, on_cores, require_two_cores

CORES = Placement.ONE_CORE
CLIENTS = 50
PIPELINE = 16
# Every request in flight has a key of its own.
KEYS_MIN = 10_000
# By their hashes these lie all over the table; more of them only take longer to be looked for before the load.
KEYS_MAX = 1_000_000


def measure(plan):
    """Samples by number of live locks and contender, the load's keys among the live ones; and ours while it grows."""
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
    ours = [one for one in plan.contenders if one.role is Role.OURS]
    return {"sizes": sizes, "growth": {one.name: growth(plan, one) for one in ours}}


def cycles(plan, server, live):
    load = Load("cycle", CLIENTS, PIPELINE, plan.seconds, plan.warmup_seconds, keys=min(max(live, KEYS_MIN), KEYS_MAX))
    return [run(plan.command, server, load, CORES.load_cores) for _ in range(plan.rounds)]


def growth(plan, one):
    """The largest number of locks taken by a load, in a server that had none."""
    count = plan.live_locks[-1]
    load = Load(
        "acquire", CLIENTS, PIPELINE, plan.seconds, warmup_seconds=0, keys=count, ttl_ms=locks.TTL_MS, requests=count
    )
    with one.server_on(CORES.server_cores) as server:
        sample = run(plan.command, server, load, CORES.load_cores)
    tell(f"{count} locks taken in {one.name}", [sample])
    return sample


def tell(what, samples):
    rate = summary.median(samples, summary.requests_per_second)
    pause = max(map(summary.latency_us("max"), samples)) / 1000
    print(f"  {what}: {rate:.0f}/s, longest wait {pause:.1f} ms", file=sys.stderr)
