"""The rows of the throughput tables: a load each, the cores it meets the servers on, and what it must show."""

from dataclasses import dataclass

from measure.placement import Placement

# What a workload is answered while all goes well, by command and number of words: for the echo server, which knows no
# better. `held` is the value of the key.
REPLIES = {
    "cycle": {"SET/6": "+OK", "EVALSHA/5": ":1"},
    "acquire": {"SET/6": "+OK"},
    "refused": {"SET/6": "$-1"},
    "get": {"GET/2": "held"},
    "npm-redlock-1": {"EVALSHA/6": ":1", "EVALSHA/5": ":1"},
    "npm-redlock-3": {"EVALSHA/8": ":3", "EVALSHA/7": ":3"},
}
# A granted lock is granted once: the load pauses to release them all when it has taken all its keys.
KEYS = {"acquire": 300_000}
KEYS_DEFAULT = 100_000
WHAT = {
    "cycle": "lock cycle (SET NX PX, EVALSHA)",
    "acquire": "SET NX PX, granted",
    "refused": "SET NX PX, refused",
    "get": "GET of a held lock",
    "npm-redlock-1": "npm redlock's scripts, 1 key",
    "npm-redlock-3": "npm redlock's scripts, 3 keys",
}


@dataclass(frozen=True)
class Target:
    """Against the best peer: at least so many times its throughput, at most this part of its CPU time."""

    throughput_min: float
    cpu_max: float
    # Whether the 99.9th percentile of latency may not be worse than the best peer's.
    limits_tail: bool = False


@dataclass(frozen=True)
class Row:
    """A load and the cores it meets the servers on."""

    workload: str
    clients: int
    pipeline: int
    placement: Placement = Placement.ONE_CORE
    target: Target | None = None

    @property
    def id(self):
        place = "" if self.placement is Placement.ONE_CORE else " both"
        return f"{self.workload} c{self.clients} P{self.pipeline}{place}"

    @property
    def title(self):
        clients = "1 client" if self.clients == 1 else f"{self.clients} clients"
        return f"{WHAT[self.workload]}, {clients}, {self.pipeline} in flight"


PIPELINED = Target(3, 0.35)
SINGLE = Target(1.2, 0.7, limits_tail=True)
ROWS = (
    Row("cycle", 50, 16, target=Target(4, 0.25)),
    Row("cycle", 50, 1, target=Target(1.4, 0.65, limits_tail=True)),
    Row("acquire", 50, 16, target=PIPELINED),
    Row("refused", 50, 16, target=PIPELINED),
    Row("get", 50, 16, target=PIPELINED),
    Row("acquire", 50, 1, target=SINGLE),
    Row("refused", 50, 1, target=SINGLE),
    Row("get", 50, 1, target=SINGLE),
    Row("cycle", 1, 1, target=Target(1.1, 0.75)),
    Row("npm-redlock-1", 50, 16),
    Row("npm-redlock-3", 50, 16, target=Target(4, 0.25)),
    Row("cycle", 50, 16, Placement.BOTH_CORES, Target(5, 0.27)),
    Row("cycle", 50, 1, Placement.BOTH_CORES),
    Row("acquire", 50, 16, Placement.BOTH_CORES),
)
BY_ID = {row.id: row for row in ROWS}
