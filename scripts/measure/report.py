"""RESULTS.md: what was measured, on what, how; the figures; and what each had to reach."""

import statistics

from measure import summary, targets
from measure.placement import Placement
from measure.rows import BY_ID

INTRODUCTION = """# Measurements

Made by `scripts/compare`, which writes this file from `results.json` beside it: to repeat them, run the commands below.
No server saves anything. A ratio compares two servers within one round, and the median of the rounds' ratios is shown;
the *best peer* is the one that is best at the very figure. CPU time is that of all the server's threads, as the system
accounts for it, during the measured time alone. The *echo server* runs on the same threads and sockets as Quintlock,
counts the requests it reads and sends fixed replies: it knows no keys, and shows what is left to be won. *Load busy* is
the part of the time that the load was at work: where it comes near to 100%, the load was the limit, not the server.
"""
LIMITS = """## What keeps it from the missed targets

By `perf`, on one core with 16 requests in flight, a lock cycle spends 62% of the server's time in the kernel and a GET
63%: 50% in `send`, which on a loopback interface also runs the receiver's half of TCP and wakes the client, 8 to 9% in
`recv`, 2% in `epoll_wait`. There is one `recv` and one `send` for each batch and nothing else, by `strace -c`. The
server's own code has 37%, and no function of it more than 9%. The echo server makes the same system calls and does no
work. Where its own figure is over a target, or leaves less than parsing a request, finding a key and answering take, no
server reaches the target this way: that is so of every load with one request in flight, of a refusal and a GET, of both
cores, and of the cycle, which it leaves some 60 ns a request.

System calls are not what is dear here. An echo server on io_uring (receives armed once into shared buffers, the sends
of all connections submitted together, a twentieth of the system calls) took 5 to 8% less CPU time than the one on epoll
with one request in flight and 5 to 17% less with 16: three quarters of its time are TCP itself. That is at most a
twelfth of a lock cycle, so the server stays on epoll. What would be needed is a network path that costs less than
loopback TCP: a stack in user space, or clients on another machine, whose half of TCP the server's core does not run.

A burst of 100,000 events is some 8 MB: two milliseconds for the last of them would be 20 ns for each, with its way
through TCP. The longest wait while 10,000,000 locks are taken is for the most part the machine's: the echo server, which
keeps nothing, has two thirds of it under the same load (last table), and a program that does nothing but read the clock
loses more than 1 ms 50 times in 15 s here, up to 12 ms at a time. By the clock of the thread's own time no insert takes
longer than about 1 ms, growth included. Huge pages are not used: `khugepaged` was seen at work by `perf sched` while
events waited for up to 40 ms, and a build without them, run in turns with it, had 5.
"""
QUICK_WARNING = "With `--quick` too little is measured for the figures to mean anything.\n\n"


def markdown(results, pictures):
    parts = [INTRODUCTION, machine(results), verdict_tables(targets.verdicts(results)), LIMITS]
    parts += [f"![{name.removesuffix('.svg')}]({name})" for name in pictures]
    parts += [write(results[group]) for group, write in WRITERS.items() if group in results]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def machine(results):
    """Where and how each group was measured; the groups that have that in common stand together."""
    sessions = {}
    for group in WRITERS:
        if group in results:
            facts = results[group]["machine"]
            virtual = ", a virtual machine" if facts["is_virtual"] else ""
            where = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['kernel']}{virtual}"
            session = (results[group]["measured_on"], results[group]["command"], where, versions(results[group]))
            sessions.setdefault(session, []).append(group)
    rows = [[", ".join(groups), *session[:1], f"`{session[1]}`", *session[2:]] for session, groups in sessions.items()]
    warning = QUICK_WARNING if any(results[group]["is_quick"] for group in WRITERS if group in results) else ""
    return f"## Machine and commands\n\n{warning}" + table(["Groups", "Date", "Command", "Machine", "Servers"], rows)


def versions(group):
    return "; ".join(f"{one['name']}: version {one['version']}{arguments(one)}" for one in group["contenders"])


def arguments(one):
    return f" with `{one['arguments']}`" if one["arguments"] else ""


def verdict_tables(verdicts):
    """The loads, whose figures stand in one line each, and then what has one figure."""
    met = sum(verdict.is_met for verdict in verdicts)
    parts = [f"## Targets\n\n{met} of {len(verdicts)} are met."]
    loads = {}
    for verdict in verdicts:
        if verdict.subject:
            loads.setdefault(verdict.subject, {})[verdict.measure] = verdict
    if loads:
        measures = (targets.THROUGHPUT, targets.CPU_TIME, targets.TAIL)
        heads = ["By the best peer's"]
        for measure in measures:
            heads += [capitalised(measure), "Target", "Met"]
        rows = [
            [subject, *(cell for measure in measures for cell in verdict_cells(of_load.get(measure)))]
            for subject, of_load in loads.items()
        ]
        parts.append(table(heads, rows, numbers=(1, 4, 7)))
    single = [[verdict.measure, *verdict_cells(verdict)] for verdict in verdicts if not verdict.subject]
    if single:
        parts.append(table(["Measure", "Figure", "Target", "Met"], single, numbers=(1,)))
    return "\n\n".join(parts)


def verdict_cells(verdict):
    if verdict is None:
        return ["", "", ""]
    return [verdict.figure, verdict.target, "yes" if verdict.is_met else "**no**"]


def throughput(group):
    parts = []
    for placement in Placement:
        where = {
            Placement.ONE_CORE: "the server on one core, the load on another",
            Placement.BOTH_CORES: "both cores free for server and load",
        }[placement]
        parts.append(f"## Throughput, CPU time and latency: {where}")
        for measured in group["rows"]:
            if measured["placement"] == placement.value and measured["samples"]:
                row = BY_ID.get(measured["id"])
                parts.append(f"### {capitalised(row.title if row else measured['id'])}")
                parts.append(row_table(group, measured["samples"]))
    return "\n\n".join(parts)


def row_table(group, samples):
    heads = ["Server", "Requests/s", "Spread", "By best peer", "By echo", "CPU µs/request", "By best peer"]
    heads += ["p50 µs", "p99 µs", "p99.9 µs", "Longest µs", "Load busy"]
    rows = []
    for name, mine in samples.items():
        rate = summary.requests_per_second
        echo = summary.ratio(mine, samples[summary.ECHO], rate) if summary.ECHO in samples else None
        rows.append(
            [
                shown_name(name),
                f"{summary.median(mine, rate):,.0f}",
                f"{summary.spread_percent(mine, rate):.0f}%",
                shown_ratio(summary.ratio_to_best(group, samples, rate, max, name)[0]),
                shown_ratio(echo),
                f"{summary.median(mine, summary.cpu_us):.2f}",
                shown_ratio(summary.ratio_to_best(group, samples, summary.cpu_us, min, name)[0]),
                *(f"{summary.median(mine, summary.latency_us(p)):,.0f}" for p in ("p50", "p99", "p99_9", "max")),
                f"{summary.median(mine, summary.load_busy):.0%}",
            ]
        )
    return table(heads, rows, numbers=range(1, len(heads)))


def memory(group):
    counts = list(group["bytes_per_lock"])
    heads = ["Server", *(f"At {int(count):,} locks" for count in counts)]
    rows = [[name, *(f"{group['bytes_per_lock'][count][name]:.1f}" for count in counts)] for name in plain(group)]
    heading = (
        "## Resident bytes for each lock\n\n24 of key, 36 of token, a time to live; a second after the last. Medians "
        "of the rounds, of the largest number one round.\n\n"
    )
    return heading + table(heads, rows, numbers=range(1, len(heads)))


def connections(group):
    heads = ["Server", f"Bytes for each of {group['idle_connections']:,} idle ones"]
    heads += [f"Requests/s with {step['clients']:,}" for step in group["steps"]]
    rows = []
    for name in plain(group):
        cells = [f"{group['bytes_per_connection'][name]:,.0f}"]
        for step in group["steps"]:
            rate = summary.median(step["samples"][name], summary.requests_per_second)
            by_best, _ = summary.ratio_to_best(group, step["samples"], summary.requests_per_second, max, name)
            cells.append(f"{rate:,.0f} ({shown_ratio(by_best)})")
        rows.append([name, *cells])
    heading = (
        "## Connections\n\nResident memory of a connection that has sent one command and keeps still; and lock cycles "
        "with one request in flight on each connection, in brackets by the best peer's.\n\n"
    )
    return heading + table(heads, rows, numbers=range(1, len(heads)))


def start(group):
    heads = ["Server", *(f"{targets.instances_text(count)}, ms" for count in group["ready_ms"])]
    rows = []
    for name in plain(group):
        values = [samples[name] for samples in group["ready_ms"].values()]
        rows.append([name, *(f"{statistics.median(one):.1f} ({min(one):.1f} to {max(one):.1f})" for one in values)])
    heading = (
        "## From the start of the program to the first PONG\n\nMedians, and the least and the most. Five peers are "
        "five processes, Quintlock's five are one `quintlock cluster`.\n\n"
    )
    return heading + table(heads, rows, numbers=range(1, len(heads)))


def idle(group):
    heads = ["Server"]
    for count in group["wakeups_per_second"]:
        heads += [f"Wake-ups/s, {targets.instances_text(count)}", f"Resident MB, {targets.instances_text(count)}"]
    rows = []
    for name in plain(group):
        cells = []
        for count, figures in group["wakeups_per_second"].items():
            cells += [f"{figures[name]:.1f}", f"{group['resident_bytes'][count][name] / 2**20:.1f}"]
        rows.append([name, *cells])
    heading = f"## Idle\n\nOver {group['seconds']:g} s, with no connection.\n\n"
    return heading + table(heads, rows, numbers=range(1, len(heads)))


def lateness(group):
    heads = ["Scenario", "Server", "p50 ms", "p99 ms", "Longest ms", "Of all rounds ms", "Early", "Twice", "Never"]
    rows = []
    for result in group["scenarios"]:
        for name, samples in result["samples"].items():
            late = [shown_lateness(summary.median_lateness(samples, key)) for key in LATE_KEYS]
            most = shown_lateness(summary.most_lateness(samples))
            counts = [str(sum(sample[key] for sample in samples)) for key in LATE_COUNTS]
            rows.append([result["scenario"], name, *late, most, *counts])
    heading = (
        "## How late `expired` events come\n\n`spread` is keys and the seconds that their deadlines are spread over, "
        "`burst` keys with one deadline, `needle` short-lived keys among keys of an hour. The first three figures are "
        "medians of the rounds. Never: not within 5 s.\n\n"
    )
    return heading + table(heads, rows, numbers=range(2, len(heads)))


def shown_lateness(milliseconds):
    return "none came" if milliseconds is None else f"{milliseconds:,.2f}"


def scale(group):
    heads = ["Server", "Requests/s", "Spread", "p99.9 µs", "Longest µs", "Of all rounds µs"]
    rows = []
    for count, samples in group["sizes"].items():
        rows += [[f"{int(count):,}", shown_name(name), *scale_cells(mine)] for name, mine in samples.items()]
    text = "## Lock cycles among live locks\n\n50 clients, 16 in flight. Longest: how long a request waited at most, "
    text += "the median of the rounds, and the most of all rounds. The echo server keeps nothing.\n\n"
    text += table(["Live locks", *heads], rows, numbers=range(2, len(heads) + 1))
    text += "\n\nThe same locks being taken, from none to all, the table growing meanwhile:\n\n"
    rows = [[shown_name(name), *scale_cells(samples)] for name, samples in group["growth"].items()]
    return text + table(heads, rows, numbers=range(1, len(heads)))


def scale_cells(samples):
    longest = summary.latency_us("max")
    return (
        f"{summary.median(samples, summary.requests_per_second):,.0f}",
        f"{summary.spread_percent(samples, summary.requests_per_second):.0f}%",
        f"{summary.median(samples, summary.latency_us('p99_9')):,.0f}",
        f"{summary.median(samples, longest):,.0f}",
        f"{max(map(longest, samples)):,.0f}",
    )


def shown_name(name):
    return "echo server" if name == summary.ECHO else name


def plain(group):
    """Ours, and the peers that are measured everywhere."""
    return [one["name"] for one in group["contenders"] if not one["needs_both_cores"]]


def table(heads, rows, numbers=()):
    rule = ["---:" if index in numbers else "---" for index in range(len(heads))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [heads, rule, *rows])


def shown_ratio(value):
    return "" if value is None else f"{value:.2f}"


def capitalised(text):
    return text[:1].upper() + text[1:]


LATE_KEYS = ("p50_ms", "p99_ms", "max_ms")
LATE_COUNTS = ("early", "repeated", "missing")
WRITERS = {
    "throughput": throughput,
    "memory": memory,
    "connections": connections,
    "start": start,
    "idle": idle,
    "lateness": lateness,
    "scale": scale,
}
