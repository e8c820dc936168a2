"""A shop under a crowd of processes and threads, with redis-py's `Lock` around each sale.

The first test is the control: without a lock the same crowd must break the shop, or the other would prove nothing.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

ITEMS = 10
PROCESSES = 4
BUYERS_PER_PROCESS = 15
WAIT_SECONDS = 120


def crowd(address, shop, lock_kind):
    (shop / "stock").write_text(str(ITEMS))
    for ledger in ("orders", "overlaps"):
        (shop / ledger).touch()
    program = [sys.executable, str(Path(__file__).with_name("buyers.py"))]
    members = [
        subprocess.Popen(
            [*program, address.host, str(address.port), str(shop), lock_kind, str(number * BUYERS_PER_PROCESS), str(BUYERS_PER_PROCESS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    try:
        for member in members:
            assert member.stdout.readline() == "ready\n"
        for member in members:
            member.stdin.close()
            member.stdin = None
        return Counter(line for member in members for line in member.communicate(timeout=WAIT_SECONDS)[0].splitlines())
    finally:
        for member in members:
            member.kill()
            member.wait()


def lines(ledger):
    return ledger.read_text().splitlines()


def test_a_crowd_without_a_lock_sells_what_is_not_there(cluster, tmp_path):
    answers = crowd(cluster.addresses[0], tmp_path, "none")
    assert len(lines(tmp_path / "overlaps")) > 0
    assert answers["sold"] > ITEMS


def test_ten_items_are_sold_ten_times(cluster, tmp_path):
    answers = crowd(cluster.addresses[0], tmp_path, "redis")
    assert answers == {"sold": ITEMS, "insufficient stock": PROCESSES * BUYERS_PER_PROCESS - ITEMS}
    assert lines(tmp_path / "overlaps") == []
    assert len(set(lines(tmp_path / "orders"))) == ITEMS
    assert (tmp_path / "stock").read_text() == "0"
