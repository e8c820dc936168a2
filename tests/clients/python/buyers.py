"""One process of buyers in front of a shop on plain files: `buyers.py HOST PORT DIRECTORY LOCK FIRST COUNT`.

Stock is read, changed and written back with pauses in between, so only an exclusive lock keeps the sums right. A
marker file created with O_EXCL counts each overlap. The process says `ready` once all its connections stand, starts
when its standard input closes, and prints one answer per buyer. LOCK is `redis` or `none`.
"""

import contextlib
import os
import sys
import threading
import time
import uuid
from pathlib import Path

import redis

LOCK_KEY = "lock:inventory:phone"


def sell(shop, buyer):
    """Sells one item, to be called under the lock."""
    marker = shop / "inside"
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        append(shop / "overlaps", "overlap")
    try:
        quantity = int((shop / "stock").read_text())
        if quantity < 1:
            return "insufficient stock"
        # Lets every other thread in, should the lock have let it come this far.
        time.sleep(0.001)
        draft = shop / f"stock.{uuid.uuid4()}"
        draft.write_text(str(quantity - 1))
        draft.replace(shop / "stock")
        append(shop / "orders", buyer)
        return "sold"
    finally:
        marker.unlink(missing_ok=True)


def append(ledger, line):
    with open(ledger, "a") as file:
        file.write(f"{line}\n")


def buy(client, lock_kind, shop, buyer, answers):
    guard = contextlib.nullcontext()
    if lock_kind == "redis":
        guard = client.lock(LOCK_KEY, timeout=60, sleep=0.01, blocking_timeout=90)
    try:
        with guard:
            answers.append(sell(shop, buyer))
    except Exception as error:  # Whatever went wrong is this buyer's answer.
        answers.append(f"error: {error!r}")


def main(host, port, directory, lock_kind, first, count):
    buyers = range(int(first), int(first) + int(count))
    clients = [redis.Redis(host=host, port=int(port)) for _ in buyers]
    if lock_kind == "redis":
        for client in clients:
            client.ping()
    print("ready", flush=True)
    sys.stdin.read()
    answers = []
    threads = [
        threading.Thread(target=buy, args=(client, lock_kind, Path(directory), buyer, answers))
        for buyer, client in zip(buyers, clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
