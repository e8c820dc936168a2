"""A server of its own for a measurement, and a connection that speaks RESP2.

Shared by the Python scripts beside this file; Python 3 alone, no packages. The server listens on a free port of
127.0.0.1, runs in a directory that is gone afterwards, and ends with the `with` block that started it.
"""

import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

READY_SECONDS = 10
STOP_SECONDS = 10
REPLY_SECONDS = 30
PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
PORT_MIN = 10_000
PORT_ATTEMPTS = 200
ROOT = pathlib.Path(__file__).resolve().parent.parent


class CannotMeasure(Exception):
    """What keeps a measurement from being made; the text says what to try."""


class ErrorReply(Exception):
    """An error that the server answered."""


def command_line(given):
    """The command of the server: what was given after `--`, or the release build of this tree."""
    words = given[1:] if given[:1] == ["--"] else given
    if words:
        return words
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = pathlib.Path(os.environ.get("QUINTLOCK_BIN", target / "release" / "quintlock")).absolute()
    if not os.access(binary, os.X_OK):
        raise CannotMeasure(f"no program at {binary} (cargo build --release, or set QUINTLOCK_BIN)")
    return [str(binary)]


def pack(*words):
    """A request of these words, which are bytes, text or numbers."""
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def free_ports(count):
    """Ports in a row that nothing listens on.

    They lie below those that the system gives to connections: of these, thousands may be taken for a minute after a
    load with many connections.
    """
    first_of_connections = int(pathlib.Path(PORT_RANGE).read_text().split()[0])
    for _ in range(PORT_ATTEMPTS):
        first = random.randrange(PORT_MIN, max(first_of_connections, PORT_MIN + 1000) - count)
        if all(is_free(port) for port in range(first, first + count)):
            return list(range(first, first + count))
    raise CannotMeasure(f"no {count} free ports in a row on 127.0.0.1")


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Connection:
    """A connection that calls one command at a time, or many in a batch."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), REPLY_SECONDS)
        self.reader = self.socket.makefile("rb", 1 << 20)

    def call(self, *words):
        self.socket.sendall(pack(*words))
        return self.read()

    def call_all(self, requests, at_once=1000):
        """Sends requests that are packed already, and reads and forgets their replies."""
        for start in range(0, len(requests), at_once):
            batch = requests[start : start + at_once]
            self.socket.sendall(b"".join(batch))
            for _ in batch:
                self.read()

    def read(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise CannotMeasure("the server closed the connection")
        kind, text = line[:1], line[1:-2]
        if kind == b"+":
            return text.decode()
        if kind == b"-":
            raise ErrorReply(text.decode())
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == b"-1" else self.reader.read(int(text) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(text))]
        raise CannotMeasure(f"not a RESP2 reply: {line!r}")

    def close(self):
        self.reader.close()
        self.socket.close()


class ScratchServer:
    """Starts `command` with a free port and nothing saved, once for a `with` block."""

    def __init__(self, command, environment=None):
        self.command = command
        self.environment = environment or {}
        self.connections = []

    def __enter__(self):
        [self.port] = free_ports(1)
        self.directory = tempfile.mkdtemp(prefix="scratch-server-")
        words = [*self.command, *self.arguments()]
        try:
            self.log = open(os.path.join(self.directory, "log"), "w+b")
            self.process = subprocess.Popen(
                words,
                cwd=self.directory,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise CannotMeasure(f"cannot start {words[0]}: {error}") from error
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def arguments(self):
        """What the command is given: the port alone is heard, and nothing is saved."""
        return ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def wait_until_ready(self):
        give_up_at = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up_at and self.process.poll() is None:
            try:
                if self.connect().call("PING") == "PONG":
                    return
            except OSError:
                time.sleep(0.02)
        self.log.seek(0)
        log = self.log.read().decode(errors="replace").strip()
        raise CannotMeasure(f"{self.command[0]} did not become ready on port {self.port}; its log: {log}")

    def connect(self):
        connection = Connection(self.port)
        self.connections.append(connection)
        return connection

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)
