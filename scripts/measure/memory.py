"""Resident memory of live locks: by how many bytes a fresh server grows with each."""

import sys
import time

from measure import locks
from measure.processes import resident_bytes


def measure(plan):
    """Bytes a lock, by the number of locks and the contender."""
    per_lock = {str(count): {} for count in plan.lock_counts}
    for one in plan.plain_contenders:
        with one.server() as server:
            before, filled = settled_bytes(plan, server), 0
            for count in plan.lock_counts:
                locks.fill(server, filled, count)
                filled = count
                grown = settled_bytes(plan, server) - before
                per_lock[str(count)][one.name] = grown / count
                print(f"  {count} locks in {one.name}: {grown / count:.1f} bytes each", file=sys.stderr)
    return {"bytes_per_lock": per_lock}


def settled_bytes(plan, server):
    """The resident set, after some time for what a server finishes in the background."""
    time.sleep(plan.settle_seconds)
    return resident_bytes(server.pid)
