"""What each figure must reach, and whether it does: one verdict a line, in the order of the tables."""

import dataclasses
import statistics
from dataclasses import dataclass

from measure import summary
from measure.rows import BY_ID

THROUGHPUT = "throughput"
CPU_TIME = "CPU time a request"
TAIL = "p99.9 of latency"
LOCK_RATIO_MAX = 0.75
CONNECTION_BYTES_MAX = 1_300
CONNECTION_RATIO_MAX = 0.3
WAKEUPS_MAX = 0
START_RATIO_MAX = {"1": 0.5, "5": 0.3}
IDLE_RATIO_MAX = 0.4
LATE_P99_MS = 2
LATE_MAX_MS = 20
LIVE_LOCKS_RATIO_MIN = 0.7
PAUSE_MS_MAX = 5
STEP_RATIO_MIN = 1


@dataclass(frozen=True)
class Verdict:
    """A figure beside its target."""

    measure: str
    figure: str
    target: str
    is_met: bool
    # What is measured, where several measures of it stand in one line.
    subject: str = ""


def verdicts(results):
    """Every target whose group was measured."""
    found = []
    for group, judge in JUDGES.items():
        if group in results:
            found += judge(results[group])
    return [verdict for verdict in found if verdict is not None]


def at_most(measure, value, limit, unit="", digits=2):
    if value is None:
        return None
    return Verdict(measure, f"{value:,.{digits}f}{unit}", f"at most {limit:g}{unit}", value <= limit)


def at_least(measure, value, limit):
    return None if value is None else Verdict(measure, f"{value:.2f}", f"at least {limit:g}", value >= limit)


def throughput(group):
    for measured in group["rows"]:
        row = BY_ID.get(measured["id"])
        if row is None or row.target is None:
            continue
        samples, subject = measured["samples"], f"{row.title}, {row.placement.value}"
        rate, _ = summary.ratio_to_best(group, samples, summary.requests_per_second, max)
        cpu, _ = summary.ratio_to_best(group, samples, summary.cpu_us, min)
        of_row = [
            at_least(THROUGHPUT, rate, row.target.throughput_min),
            at_most(CPU_TIME, cpu, row.target.cpu_max),
        ]
        if row.target.limits_tail:
            tail, _ = summary.ratio_to_best(group, samples, summary.latency_us("p99_9"), min)
            of_row.append(at_most(TAIL, tail, 1))
        yield from (dataclasses.replace(verdict, subject=subject) for verdict in of_row if verdict is not None)


def memory(group):
    for count, figures in group["bytes_per_lock"].items():
        measure = f"resident memory a lock at {int(count):,}, by the best peer's"
        yield at_most(measure, ratio_to_least(group, figures), LOCK_RATIO_MAX)


def connections(group):
    figures = group["bytes_per_connection"]
    measure = f"resident memory an idle connection, of {group['idle_connections']:,}"
    yield at_most(measure, figures[summary.our_name(group)], CONNECTION_BYTES_MAX, " bytes", 0)
    yield at_most(f"{measure}, by the best peer's", ratio_to_least(group, figures), CONNECTION_RATIO_MAX)
    for step in group["steps"]:
        rate, _ = summary.ratio_to_best(group, step["samples"], summary.requests_per_second, max)
        count = "1 connection" if step["clients"] == 1 else f"{step['clients']:,} connections"
        measure = f"throughput with {count}, lock cycle, 1 in flight, by the best peer's"
        yield at_least(measure, rate, STEP_RATIO_MIN)


def start(group):
    for instances, samples in group["ready_ms"].items():
        figures = {name: statistics.median(values) for name, values in samples.items()}
        measure = f"start to first PONG, {instances_text(instances)}, by the best peer's"
        yield at_most(measure, ratio_to_least(group, figures), START_RATIO_MAX[instances])


def idle(group):
    figures = group["wakeups_per_second"]["5"]
    yield at_most("wake-ups a second, five idle instances", figures[summary.our_name(group)], WAKEUPS_MAX, digits=1)
    measure = "resident memory, five idle instances, by the best peer's"
    yield at_most(measure, ratio_to_least(group, group["resident_bytes"]["5"]), IDLE_RATIO_MAX)


def lateness(group):
    for result in group["scenarios"]:
        samples = result["samples"][summary.our_name(group)]
        measure = f"lateness of `expired`, {result['scenario']}"
        yield below(f"{measure}: p99", summary.median_lateness(samples, "p99_ms"), LATE_P99_MS)
        yield below(f"{measure}: longest", summary.median_lateness(samples, "max_ms"), LATE_MAX_MS)
        faults = sum(sample["early"] + sample["repeated"] + sample["missing"] for sample in samples)
        yield at_most(f"{measure}: events early, twice or never", faults, 0, digits=0)


def below(measure, value, limit):
    shown = "none came" if value is None else f"{value:.2f} ms"
    return Verdict(measure, shown, f"under {limit:g} ms", value is not None and value < limit)


def scale(group):
    name = summary.our_name(group)
    few, *_, many = group["sizes"]
    rate = [summary.median(group["sizes"][count][name], summary.requests_per_second) for count in (few, many)]
    measure = f"lock cycle at {int(many):,} live locks, by that at {int(few):,}"
    yield at_least(measure, rate[1] / rate[0], LIVE_LOCKS_RATIO_MIN)
    pause = summary.median(group["sizes"][many][name], longest_ms)
    yield at_most(f"longest wait of a request at {int(many):,} live locks", pause, PAUSE_MS_MAX, " ms")
    pause = summary.median(group["growth"][name], longest_ms)
    yield at_most(f"longest wait while {int(many):,} locks are taken", pause, PAUSE_MS_MAX, " ms")


def longest_ms(sample):
    return sample["latency_us"]["max"] / 1000


def instances_text(instances):
    return "1 instance" if instances == "1" else f"{instances} instances"


def ratio_to_least(group, figures):
    _, least = summary.least(group, figures)
    return figures[summary.our_name(group)] / least if least else None


JUDGES = {
    "throughput": throughput,
    "memory": memory,
    "connections": connections,
    "start": start,
    "idle": idle,
    "lateness": lateness,
    "scale": scale,
}
