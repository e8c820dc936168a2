"""What a suite found out about each lock library: a line of JSON for each, from which the README's table is made.

Nothing that changes from one run to the next may stand in a line: the file is compared with the one that is
committed. Scripts are therefore counted by their text; how often they ran is printed only.
"""

import json
import os
from importlib.metadata import version

#: What a reader of the run may want to know beside its outcome; it is printed at the end.
remarks = []


def runs_so_far(client):
    """How many scripts a server has run, natively and in Lua."""
    info = client.info("stats")
    return info["scripts_run_natively"], info["scripts_run_in_lua"]


def line(library, passed, scripts, reasons):
    return {
        "language": "Python",
        "library": library.distribution,
        "part": library.part,
        "version": version(library.distribution),
        "client": f"{library.client} {version(library.client)}",
        "passed": passed,
        "lacks": library.lacks,
        "scripts": len(scripts),
        "native": len(scripts) - len(reasons),
        "lua": list(reasons.values()),
    }


def append(result):
    """Adds a line to the file that CLIENT_RESULTS names, if it names one."""
    name = os.environ.get("CLIENT_RESULTS")
    if name:
        with open(name, "a") as file:
            file.write(json.dumps(result, separators=(",", ":")) + "\n")
