"""The charts, out of the results: each is a file that RESULTS.md and the README show."""

from measure import summary
from measure.placement import Placement
from measure.rows import BY_ID
from measure.svg import Chart

ECHO_NAME = "echo server (the limit)"
LOADS = "Loads are clients × requests in flight on each"


def draw(results):
    """The text of each picture by its file's name; a picture without results is left out."""
    pictures = {}
    if "throughput" in results:
        group = results["throughput"]
        pictures["throughput.svg"] = throughput(group)
        pictures["cpu.svg"] = cpu(group)
        pictures["latency.svg"] = latency(group)
    if "memory" in results:
        pictures["memory.svg"] = memory(results["memory"])
    if "connections" in results:
        pictures["connections.svg"] = connections(results["connections"])
    return {name: chart.svg() for name, chart in pictures.items()}


def throughput(group):
    def values(samples):
        best = summary.best_peer(group, samples, summary.requests_per_second, max)
        return {
            name: summary.ratio(mine, samples[best], summary.requests_per_second)
            for name, mine in samples.items()
            if best is not None
        }

    return Chart(
        "Throughput",
        f"Requests a second, as a multiple of the best peer's; longer is better. {LOADS}",
        series(group),
        groups(group, values),
        lambda value: f"{value:.2f}",
        rule_at=1,
        limit=ECHO_NAME,
    )


def cpu(group):
    return Chart(
        "CPU time of the server",
        f"Microseconds for each request; shorter is better. {LOADS}",
        series(group),
        groups(group, medians(summary.cpu_us)),
        lambda value: f"{value:.2f}",
        limit=ECHO_NAME,
    )


def latency(group):
    return Chart(
        "Latency that 999 of 1,000 requests stay under",
        f"Milliseconds, under full load; shorter is better. {LOADS}",
        series(group),
        groups(group, medians(lambda sample: sample["latency_us"]["p99_9"] / 1000)),
        lambda value: f"{value:.2f}",
        limit=ECHO_NAME,
    )


def memory(group):
    figures = [(f"{int(count):,} locks", values) for count, values in group["bytes_per_lock"].items()]
    return Chart(
        "Memory of a lock",
        "Resident bytes for each: 24 of key, 36 of token, a deadline; shorter is better",
        contenders(group),
        figures,
        lambda value: f"{value:.0f}",
    )


def connections(group):
    figures = []
    for step in group["steps"]:
        medians_of_step = medians(summary.requests_per_second)(step["samples"])
        label = "1 connection" if step["clients"] == 1 else f"{step['clients']:,} connections"
        figures.append((label, medians_of_step))
    return Chart(
        "Throughput with few and with many connections",
        "Lock cycle, requests a second, 1 in flight on each connection; longer is better",
        contenders(group),
        figures,
        lambda value: f"{value:,.0f}",
    )


def medians(figure):
    return lambda samples: {name: summary.median(mine, figure) for name, mine in samples.items()}


def contenders(group):
    """Ours, then the peers that are measured everywhere."""
    return [one["name"] for one in group["contenders"] if not one["needs_both_cores"]]


def series(group):
    return [*(one["name"] for one in group["contenders"]), ECHO_NAME]


def groups(group, values):
    """A group of bars for each row that has a target; the echo server by its name in a chart."""
    found = []
    for measured in group["rows"]:
        row = BY_ID.get(measured["id"])
        if row is None or row.target is None:
            continue
        by_name = values(measured["samples"])
        found.append((label(row), {ECHO_NAME if name == summary.ECHO else name: v for name, v in by_name.items()}))
    return found


def label(row):
    short = {"acquire": "SET NX PX granted", "refused": "SET NX PX refused", "get": "GET", "cycle": "lock cycle"}
    what = short.get(row.workload, "npm redlock, 3 keys")
    clients = "1 client" if row.clients == 1 else f"{row.clients} clients"
    place = ", two cores" if row.placement is Placement.BOTH_CORES else ""
    return f"{what}, {clients} × {row.pipeline}{place}"
