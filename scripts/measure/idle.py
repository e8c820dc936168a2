"""What servers cost that nobody talks to: wake-ups a second, and the resident memory of one and of five instances."""

import contextlib
import sys
import tempfile
import time

from scratch_server import free_ports

from measure import start
from measure.processes import resident_bytes, switches

# What a start leaves to be done is done then.
SETTLE_SECONDS = 2.0


def measure(plan):
    """Wake-ups a second and bytes, by number of instances and contender; all are idle at the same time."""
    with contextlib.ExitStack() as stack:
        groups = {}
        for one in plan.plain_contenders:
            for instances in (1, start.INSTANCES):
                groups[str(instances), one.name] = stack.enter_context(idle_instances(one, instances))
        time.sleep(SETTLE_SECONDS)
        before, began = {group: total(switches, pids) for group, pids in groups.items()}, time.monotonic()
        time.sleep(plan.idle_seconds)
        elapsed = time.monotonic() - began
        wakeups, resident = {}, {}
        for (instances, name), pids in groups.items():
            count = total(switches, pids) - before[instances, name]
            wakeups.setdefault(instances, {})[name] = count / elapsed
            resident.setdefault(instances, {})[name] = total(resident_bytes, pids)
            megabytes = resident[instances][name] / 2**20
            print(f"  {instances} of {name}: {count / elapsed:.1f} wake-ups/s, {megabytes:.1f} MB", file=sys.stderr)
    return {"seconds": plan.idle_seconds, "wakeups_per_second": wakeups, "resident_bytes": resident}


def total(figure, pids):
    return sum(figure(pid) for pid in pids)


@contextlib.contextmanager
def idle_instances(one, instances):
    """So many instances that have answered one PING; the processes' ids."""
    with tempfile.TemporaryDirectory(prefix="idle-") as directory:
        ports, pids = free_ports(instances), []
        try:
            began = time.monotonic()
            for command in start.start_commands(one, ports, directory):
                pids.append(start.spawn(command))
            for port in ports:
                start.wait_for_pong(port, began)
            yield pids
        finally:
            start.end(pids)
