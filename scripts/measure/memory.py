"""Resident memory of live locks: by how many bytes a fresh server grows with each."""

import sys
import time

from measure import locks
from measure.processes import resident_bytes

# Servers that finish work in the background have this long; then memory is as it stays.
SETTLE_SECONDS = 1.0


def measure(plan):
    """Bytes a lock, by the number of locks and the contender."""
    per_lock = {str(count): {} for count in plan.lock_counts}
    for one in plan.plain_contenders:
        with one.server() as server:
            before, filled = settled_bytes(server.pid), 0
            for count in plan.lock_counts:
                locks.fill(server, filled, count)
                filled = count
                grown = settled_bytes(server.pid) - before
                per_lock[str(count)][one.name] = grown / count
                print(f"  {count} locks in {one.name}: {grown / count:.1f} bytes each", file=sys.stderr)
    return {"bytes_per_lock": per_lock}


def settled_bytes(pid):
    time.sleep(SETTLE_SECONDS)
    return resident_bytes(pid)
