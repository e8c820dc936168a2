"""The command line of scripts/compare, and the plan that follows from it: who is measured, and how much."""

import argparse
import pathlib
from dataclasses import dataclass, field

from scratch_server import ROOT

from measure import contenders
from measure.placement import Placement

GROUPS = ("throughput", "memory", "connections", "start", "idle", "lateness", "scale")
LATENESS = (
    ("--spread", "1000:10"),
    ("--spread", "100000:10"),
    ("--spread", "1000000:10"),
    ("--burst", "100000"),
    ("--needle", "1000:100000"),
    ("--needle", "1000:1000000"),
)


@dataclass(frozen=True)
class Sizes:
    """How much is measured, which `--quick` makes small."""

    rounds: int = 5
    seconds: float = 1.5
    warmup_seconds: float = 0.3
    lock_counts: tuple = (1_000_000, 10_000_000)
    settle_seconds: float = 1.0
    idle_connections: int = 10_000
    connection_steps: tuple = (1, 10, 100, 1_000, 10_000)
    step_rounds: int = 5
    start_runs: int = 41
    idle_seconds: float = 10.0
    lateness_scenarios: tuple = LATENESS
    live_locks: tuple = (10_000, 10_000_000)


QUICK = Sizes(
    rounds=1,
    seconds=0.2,
    warmup_seconds=0.05,
    lock_counts=(10_000, 20_000),
    settle_seconds=0.1,
    idle_connections=100,
    connection_steps=(1, 50),
    step_rounds=1,
    start_runs=1,
    idle_seconds=1.0,
    lateness_scenarios=(("--spread", "100:1"), ("--burst", "100")),
    live_locks=(1_000, 20_000),
)


@dataclass(frozen=True)
class Plan:
    """Who is measured, by which load, how much."""

    contenders: tuple
    command: tuple
    load_threads: int
    sizes: Sizes = field(default_factory=Sizes)

    def __getattr__(self, name):
        return getattr(self.sizes, name)

    @property
    def plain_contenders(self):
        """Those that are measured everywhere."""
        return [one for one in self.contenders if not one.needs_both_cores]

    def threads_on(self, placement):
        return self.load_threads if placement is Placement.BOTH_CORES else 1


def parse(text, words):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)} (default: all)")
    add("--peer", action="append", default=[], metavar="NAME=PATH[ ARGS]", help="a server to compare with, or several")
    add("--io-threads", action="store_true", help="each peer also with --io-threads 2, where both cores are free")
    add("--rounds", type=positive, metavar="N", help=f"rounds of throughput and scale (default: {Sizes.rounds})")
    add("--seconds", type=positive_seconds, metavar="S", help=f"of each load (default: {Sizes.seconds})")
    add("--load-threads", type=positive, default=1, metavar="N", help="of a load that has both cores (default: 1)")
    add("--quick", action="store_true", help="a little of everything: a check of the scripts, not a measurement")
    add("--out", type=pathlib.Path, default=ROOT / "benches", metavar="DIR", help="for the results (default: benches)")
    add("--render", action="store_true", help="make tables and charts of results.json again, measure nothing")
    add("--fetch-peers", type=pathlib.Path, metavar="DIR", help="download peers to DIR with pip, tell their options")
    options = parser.parse_args(words)
    unknown = [group for group in options.groups if group not in GROUPS]
    if unknown:
        parser.error(f"no group is called {', '.join(unknown)} (there are {', '.join(GROUPS)})")
    options.given_groups = options.groups
    options.groups = [group for group in GROUPS if not options.groups or group in options.groups]
    return options


def plan(options):
    ours = contenders.ours()
    sizes = QUICK if options.quick else Sizes()
    given = {"rounds": options.rounds, "seconds": options.seconds}
    sizes = Sizes(**{**vars(sizes), **{name: value for name, value in given.items() if value is not None}})
    everyone = (ours, *contenders.peers(options.peer, options.io_threads))
    return Plan(everyone, ours.command, options.load_threads, sizes)


def positive(text):
    number = int(text)
    if number <= 0:
        raise ValueError(text)
    return number


def positive_seconds(text):
    number = float(text)
    if not 0 < number < 3600:
        raise ValueError(text)
    return number
