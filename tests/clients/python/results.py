"""What a suite found out about each lock library: a line of JSON for each, from which the README's table is made.

Nothing that changes from one run to the next may stand in a line: the file is compared with the one that is
committed. Scripts are therefore counted by their text; how often they ran is printed only.
"""

import hashlib
import json
import os
from importlib.metadata import version

#: What a reader of the run may want to know beside its outcome; it is printed at the end.
remarks = []


def scripts_in(commands):
    """The texts of all scripts that a recording heard."""
    texts = {}
    for words in commands:
        name = words[0].upper()
        if name in (b"EVAL", b"EVAL_RO"):
            texts[words[1]] = None
        if name == b"SCRIPT" and words[1].upper() == b"LOAD":
            texts[words[2]] = None
    return list(texts)


def reasons_for_lua(scripts, client):
    """Why scripts do not run natively: a reason for each that does not, by its text."""
    reasons = {}
    for text in scripts:
        client.execute_command("SCRIPT", "LOAD", text)
        sha1 = hashlib.sha1(text).hexdigest()
        answer = client.execute_command("SCRIPT EXPLAIN", sha1)
        fields = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2]))
        if fields[b"runs"] != b"native":
            reasons[text] = fields[b"reason"].decode()
    return reasons


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
