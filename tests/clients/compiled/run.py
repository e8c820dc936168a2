"""Runs the libraries of one compiled language: `run.py rust|go|java`, after they were built.

Each library has five servers of its own, with a proxy in front of each that hears what it sends; the tests get the
proxies' addresses in LOCK_SERVERS. What the library showed, and how its scripts ran, is a line of JSON in the file
that CLIENT_RESULTS names, as the suites of Node.js and Python write it. Nothing that changes from one run to the next
may stand in a line, so scripts are counted by their text. The last line printed is `SUITE: N passed, N failed`.
"""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from instances import IS_REAL_REDIS, Cluster  # noqa: E402
from recorder import Recorder  # noqa: E402
from scripts import reasons_for_lua, scripts_in  # noqa: E402

from suites import RUNNERS  # noqa: E402

ASPECTS = ("acquire", "contention", "extend", "release", "wrong token", "expiry")
LIBRARY_SECONDS = 120
REPLY_SECONDS = 10


class Connection:
    """Just enough of RESP2 to ask a server about scripts."""

    def __init__(self, address):
        self.socket = socket.create_connection((address.host, address.port), timeout=REPLY_SECONDS)
        self.replies = self.socket.makefile("rb")

    def call(self, *words):
        request = b"*%d\r\n" % len(words)
        for word in words:
            word = word if isinstance(word, bytes) else word.encode()
            request += b"$%d\r\n%s\r\n" % (len(word), word)
        self.socket.sendall(request)
        return self._reply()

    def _reply(self):
        line = self.replies.readline()
        kind, rest = line[:1], line[1:].rstrip()
        if kind == b"$":
            return None if rest == b"-1" else self.replies.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        if kind in (b"+", b":"):
            return rest
        raise RuntimeError(f"a server answered {line!r}")

    def close(self):
        self.replies.close()
        self.socket.close()


def runs_so_far(connections):
    """How many scripts the servers have run, natively and in Lua."""
    stats = b"".join(connection.call("INFO", "stats") for connection in connections).decode()
    return tuple(
        sum(map(int, re.findall(rf"^{counter}:(\d+)", stats, re.M)))
        for counter in ("scripts_run_natively", "scripts_run_in_lua")
    )


def aspect_of(test):
    """What a test shows, by the words that its name begins with; None for what only this library shows."""
    name = re.sub("[^a-z]", "", test.lower())
    return next((aspect for aspect in ASPECTS if name.startswith(aspect.replace(" ", ""))), None)


def run_library(runner, library):
    """Runs the tests and returns how each ended."""
    cluster = Cluster()
    recorders = [Recorder(address) for address in cluster.addresses]
    connections = [Connection(address) for address in cluster.addresses]
    try:
        servers = " ".join(f"{recorder.address.host}:{recorder.address.port}" for recorder in recorders)
        done = subprocess.run(
            runner.command(library),
            cwd=runner.directory,
            env=os.environ | {"LOCK_SERVERS": servers},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIBRARY_SECONDS,
            text=True,
        )
        outcomes = runner.outcomes(library, done.stdout)
        if done.returncode != 0 or not outcomes or not all(passed for _, passed in outcomes):
            print(done.stdout)
            # A run that failed outside its tests, or ran none, is one failure.
            outcomes = outcomes if any(not passed for _, passed in outcomes) else [*outcomes, ("run", False)]
        commands = [words for recorder in recorders for words in list(recorder.commands)]
        if not IS_REAL_REDIS:
            tell(runner, library, outcomes, scripts_in(commands), connections)
        return outcomes
    finally:
        for opened in connections:
            opened.close()
        for recorder in recorders:
            recorder.stop()
        cluster.stop()


def tell(runner, library, outcomes, scripts, connections):
    """Writes the library's line, and checks that the two ways of counting agree."""
    native_runs, lua_runs = runs_so_far(connections)
    in_lua = reasons_for_lua(scripts, connections[0].call)
    if (native_runs > 0, lua_runs > 0) != (len(in_lua) < len(scripts), bool(in_lua)):
        raise RuntimeError(f"{native_runs} runs natively and {lua_runs} in Lua, of {len(scripts)} scripts")
    version = library.replayed_version or runner.version(library.name)
    print(f"{library.name} {version}: {native_runs} script runs natively, {lua_runs} in Lua")
    for text, reason in in_lua.items():
        print(f"in Lua, {reason}:\n{text.decode()}")
    own = scripts if library.own_scripts else []
    own_in_lua = [in_lua[text] for text in own if text in in_lua]
    is_versioned = library.replayed_version is None
    line = {
        "language": library.language,
        "library": library.name,
        "part": library.part,
        "version": version,
        "client": f"{library.client} {runner.version(library.client)}" if is_versioned else library.client,
        "passed": [aspect for aspect in ASPECTS if has_passed(aspect, outcomes)],
        "lacks": library.lacks,
        "scripts": len(own),
        "native": len(own) - len(own_in_lua),
        "lua": sorted(own_in_lua),
    }
    name = os.environ.get("CLIENT_RESULTS")
    if name:
        with open(name, "a") as file:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def has_passed(aspect, outcomes):
    verdicts = [passed for test, passed in outcomes if aspect_of(test) == aspect]
    return bool(verdicts) and all(verdicts)


def main():
    suite = sys.argv[1]
    runner = RUNNERS[suite]
    outcomes = []
    for library in runner.libraries:
        print(f"clients: {suite}, {library.name}, {library.tests}", flush=True)
        found = run_library(runner, library)
        shown = {aspect_of(test) for test, _ in found}
        missing = [aspect for aspect in ASPECTS if aspect not in shown and aspect not in library.lacks]
        if missing:
            print(f"no test shows {', '.join(missing)}")
        outcomes += [*found, *((aspect, False) for aspect in missing)]
    passed = sum(has_passed for _, has_passed in outcomes)
    print(f"{suite}: {passed} passed, {len(outcomes) - passed} failed")
    sys.exit(0 if 0 < passed == len(outcomes) else 1)


main()
