"""Resident memory of live locks: by how many bytes a fresh server grows with each."""

import statistics
import sys
import time

from measure import locks
from measure.processes import resident_bytes


def measure(plan):
    """Bytes a lock, by the number of locks and the contender: the median of the rounds, of the largest number one."""
    samples = {str(count): {} for count in plan.lock_counts}
    for number in range(plan.rounds):
        counts = plan.lock_counts if number == 0 else plan.lock_counts[:-1]
        for one in plan.plain_contenders:
            for count, grown in once(plan, one, counts):
                samples[str(count)].setdefault(one.name, []).append(grown / count)
                print(f"  {count} locks in {one.name}: {grown / count:.1f} bytes each", file=sys.stderr)
    medians = {
        count: {name: statistics.median(values) for name, values in by_name.items()}
        for count, by_name in samples.items()
    }
    return {"bytes_per_lock": medians}


def once(plan, one, counts):
    """By how many bytes a server has grown when it has so many locks, for each of the numbers."""
    with one.server() as server:
        before, filled = settled_bytes(plan, server), 0
        for count in counts:
            locks.fill(server, filled, count)
            filled = count
            yield count, settled_bytes(plan, server) - before


def settled_bytes(plan, server):
    """The resident set, after some time for what a server finishes in the background."""
    time.sleep(plan.settle_seconds)
    return resident_bytes(server.pid)
