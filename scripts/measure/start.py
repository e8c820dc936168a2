"""How long from the start of a program to the first PONG, for one instance and for five.

Five peers are five processes, started one right after the other; five of ours are one `quintlock cluster`.
"""

import os
import signal
import socket
import sys
import tempfile
import time

from scratch_server import CannotMeasure, free_ports

from measure.contenders import Role

READY_SECONDS = 10
# Between two attempts to connect: short beside what is measured, long enough to leave the processor alone.
RETRY_SECONDS = 0.0002
INSTANCES = 5


def measure(plan):
    """Milliseconds by number of instances and contender, one of each run; the order turns with every run."""
    samples = {"1": {}, str(INSTANCES): {}}
    for number in range(plan.start_runs):
        order = plan.plain_contenders if number % 2 == 0 else plan.plain_contenders[::-1]
        for instances, by_name in samples.items():
            for one in order:
                by_name.setdefault(one.name, []).append(milliseconds_to_ready(one, int(instances)))
    for instances, by_name in samples.items():
        for name, values in by_name.items():
            print(f"  {instances} of {name}: {sorted(values)[len(values) // 2]:.1f} ms to ready", file=sys.stderr)
    return {"ready_ms": samples}


def milliseconds_to_ready(one, instances):
    with tempfile.TemporaryDirectory(prefix="start-") as directory:
        ports = free_ports(instances)
        commands = start_commands(one, ports, directory)
        pids = []
        try:
            began = time.monotonic()
            for command in commands:
                pids.append(spawn(command))
            for port in ports:
                wait_for_pong(port, began)
            return (time.monotonic() - began) * 1000
        finally:
            end(pids)


def start_commands(one, ports, directory):
    """The programs that serve the ports together. None keeps a file; what they might write has a place."""
    nothing_kept = ["--save", "", "--appendonly", "no"]
    if one.role is Role.OURS and len(ports) > 1:
        cluster = ["cluster", "--instances", str(len(ports)), "--base-port", str(ports[0])]
        return [[one.command[0], *cluster, "--", *one.command[1:], *nothing_kept]]
    return [
        [*one.command, "--port", str(port), "--bind", "127.0.0.1", "--dir", directory, *nothing_kept] for port in ports
    ]


def spawn(command):
    quiet = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    return os.posix_spawn(command[0], command, os.environ, file_actions=quiet)


def wait_for_pong(port, began):
    while time.monotonic() - began < READY_SECONDS:
        with socket.socket() as connection:
            connection.settimeout(READY_SECONDS)
            if connection.connect_ex(("127.0.0.1", port)) != 0:
                time.sleep(RETRY_SECONDS)
                continue
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            if connection.recv(64).startswith(b"+PONG"):
                return
    raise CannotMeasure(f"nothing answered PING on port {port} within {READY_SECONDS} s")


def end(pids):
    """These servers hold nothing that anyone needs, and the next run waits: they are not asked."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
