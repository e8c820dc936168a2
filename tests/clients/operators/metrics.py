"""Compares what a Prometheus exporter makes of two servers.

    python3 metrics.py OURS THEIRS EXPLAINED

OURS and THEIRS are files with what the exporter told of this server and of a redis-server; EXPLAINED has a line for
each metric that this server does not have, `NAME: REASON`. Each check is a line that begins with `ok` or `FAIL`; the
exit code is 1 if one failed. Needs Python 3 alone.
"""

import re
import sys
from pathlib import Path

SAMPLE = re.compile(r"([a-z_]+)(?:\{.*\})? \S+$")


def names(path):
    """The names of the metrics in a file of Prometheus's text format."""
    lines = Path(path).read_text().splitlines()
    return {match[1] for line in lines if (match := SAMPLE.match(line)) and not line.startswith("#")}


def explanations(path):
    """The reason for each metric that may be missing, by its name."""
    lines = [line for line in Path(path).read_text().splitlines() if line and not line.startswith("#")]
    reasons = dict(line.split(": ", 1) for line in lines)
    if len(reasons) != len(lines) or not all(reasons.values()):
        sys.exit(f"metrics: {path} has a name twice or without a reason")
    return reasons


def main(ours, theirs, explained):
    ours, theirs, reasons = names(ours), names(theirs), explanations(explained)
    missing = theirs - ours
    checks = {
        f"exporter: all {len(theirs & ours)} other metrics of a redis-server are here": missing - reasons.keys(),
        f"exporter: each of {len(missing)} missing metrics is explained, and none that is not missing": reasons.keys() - missing,
        "exporter: no metric is here that a redis-server does not have": ours - theirs,
    }
    for name, others in checks.items():
        print(f"FAIL {name}: {', '.join(sorted(others))}" if others else f"ok   {name}")
    return 1 if any(checks.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
