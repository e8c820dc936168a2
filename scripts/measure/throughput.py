"""Requests a second, CPU time for each and latency: rows of loads, in rounds that go from server to server.

In a round every row is measured on every contender, one right after the other, and the next round goes through them
in the opposite order, so that a machine which becomes slower or faster meets all of them. The echo server has its turn
in each row, with the replies that the row's load expects.
"""

import contextlib
import sys

from measure import contenders
from measure.load import Load, run
from measure.placement import Placement, on_cores, require_two_cores
from measure.rows import KEYS, KEYS_DEFAULT, REPLIES, ROWS


def measure(plan):
    """The samples of each row: by the name of the contender, one of each round."""
    require_two_cores()
    rows = [{"id": row.id, "placement": row.placement.value, "samples": {}} for row in ROWS]
    for placement in Placement:
        places = [index for index, row in enumerate(ROWS) if row.placement is placement]
        with servers_on(placement, plan.contenders) as servers:
            for number in range(plan.rounds):
                for index in places:
                    for name, server in in_order_of(number, servers):
                        sample = measure_once(plan, ROWS[index], server)
                        rows[index]["samples"].setdefault(name, []).append(sample)
                        tell(number, plan.rounds, ROWS[index], name, sample)
    return {"rows": rows}


@contextlib.contextmanager
def servers_on(placement, all_contenders):
    """The contenders' servers by name, started on the cores of the placement; the echo server is started by the row."""
    with contextlib.ExitStack() as stack:
        servers = {}
        for one in all_contenders:
            if placement is Placement.BOTH_CORES or not one.needs_both_cores:
                servers[one.name] = stack.enter_context(one.server_on(placement.server_cores))
        servers[contenders.Role.ECHO.value] = None
        yield servers


def in_order_of(number, servers):
    order = list(servers.items())
    return order if number % 2 == 0 else order[::-1]


def measure_once(plan, row, server):
    load = Load(
        row.workload,
        row.clients,
        row.pipeline,
        seconds=plan.seconds,
        warmup_seconds=plan.warmup_seconds,
        threads=min(plan.threads_on(row.placement), row.clients),
        keys=KEYS.get(row.workload, KEYS_DEFAULT),
    )
    cores = row.placement.load_cores
    if server is not None:
        return run(plan.command, server, load, cores)
    with on_cores(row.placement.server_cores):
        echo = contenders.EchoServer(REPLIES[row.workload])
        with echo:
            return run(plan.command, echo, load, cores, wrong_replies_are_wrong=False)


def tell(number, rounds, row, name, sample):
    rate, cpu, busy = sample["requests_per_second"], sample["cpu_us"], sample["load_busy"]
    figures = f"{rate:>10.0f}/s {cpu:>6.2f} us CPU, load {busy:>4.0%} busy"
    print(f"  {number + 1}/{rounds} {row.id:<22} {name:<26} {figures}", file=sys.stderr)
