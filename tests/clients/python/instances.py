"""Starts and stops the servers that the suites talk to.

One place decides which server is under test: the `quintlock` binary named by QUINTLOCK_BIN (or the newest build in
`target/`), or a real `redis-server` when REAL_REDIS=1. Nothing else in this directory knows which one answers.
Invariant: an instance is handed out only after it has answered PING.
"""

import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from waiting import until

REPOSITORY = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"
INSTANCES = 5
START_WAIT_SECONDS = 30
STOP_WAIT_SECONDS = 20
START_ATTEMPTS = 5

IS_REAL_REDIS = os.environ.get("REAL_REDIS") == "1"


@dataclass(frozen=True)
class Address:
    host: str
    port: int


class Server:
    """A child process, its last words, and the empty directory it works in."""

    def __init__(self, command):
        self.directory = tempfile.mkdtemp(prefix="quintlock-clients-")
        self.said = deque(maxlen=40)
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            command, cwd=self.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        # The pipe is always drained: a full one would block the server.
        for line in self.process.stdout:
            self.said.append(line)
            self.lines.put(line)
        self.lines.put(None)

    def first_json_line(self):
        while True:
            try:
                line = self.lines.get(timeout=START_WAIT_SECONDS)
            except queue.Empty:
                raise TimeoutError("the server did not announce its instances") from None
            if line is None:
                raise RuntimeError(f"the server ended before it announced its instances: {''.join(self.said)}")
            if line.startswith("{"):
                return json.loads(line)

    def until_answers_ping(self, address):
        def answers():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {''.join(self.said)}")
            return answer_to_ping(address) == b"+PONG\r\n"

        until(f"{address.host}:{address.port} answers PING", answers, START_WAIT_SECONDS)

    def stop(self):
        """Ends the process by SIGTERM; stopping twice does no harm."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(f"the server did not end within {STOP_WAIT_SECONDS} s of SIGTERM") from None
        self.reader.join()
        self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass(frozen=True)
class Instance:
    """One server of its own process."""

    address: Address
    server: Server

    def stop(self):
        self.server.stop()


class Cluster:
    """Five instances under one handle: `quintlock cluster`, or five `redis-server` processes."""

    def __init__(self):
        if IS_REAL_REDIS:
            five = start_five()
            self.addresses = [instance.address for instance in five]
            self.servers = [instance.server for instance in five]
            return
        server = Server([quintlock(), "cluster", "--instances", str(INSTANCES), "--base-port", "0", "--json"])
        self.servers = [server]
        try:
            announced = server.first_json_line()["instances"]
            assert len(announced) == INSTANCES, announced
            self.addresses = [Address(instance["host"], instance["port"]) for instance in announced]
            for address in self.addresses:
                server.until_answers_ping(address)
        except BaseException:
            server.stop()
            raise

    def stop(self):
        for server in self.servers:
            server.stop()


def start_five():
    """Five servers, each a process of its own that can be stopped alone."""
    return [start_single() for _ in range(INSTANCES)]


def start_single():
    """One server on a port of the system's choice."""
    for attempt in range(1, START_ATTEMPTS + 1):
        address = Address(HOST, unused_port())
        server = Server(single_server_command(address))
        try:
            server.until_answers_ping(address)
            return Instance(address, server)
        except (RuntimeError, TimeoutError):
            # Somebody else may have taken the port between its choice and the server's start.
            server.stop()
            if attempt == START_ATTEMPTS:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def single_server_command(address):
    port = ["--port", str(address.port)]
    if IS_REAL_REDIS:
        return ["redis-server", *port, "--bind", HOST, "--save", "", "--appendonly", "no"]
    return [quintlock(), *port]


def quintlock():
    named = os.environ.get("QUINTLOCK_BIN")
    paths = [REPOSITORY / name for name in ([named] if named else ["target/release/quintlock", "target/debug/quintlock"])]
    for path in paths:
        if path.exists():
            return str(path)
    tried = " or ".join(map(str, paths))
    raise FileNotFoundError(f"no server binary at {tried} (build it, set QUINTLOCK_BIN, or set REAL_REDIS=1)")


def unused_port():
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def answer_to_ping(address):
    try:
        with socket.create_connection((address.host, address.port), timeout=1) as connection:
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            return connection.recv(64)
    except OSError:
        return b""
