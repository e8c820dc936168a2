"""One run of `quintlock bench` against a server: throughput, latency, and the CPU time of the server."""

import json
import subprocess
from dataclasses import dataclass

from scratch_server import CannotMeasure

from measure.placement import on_cores

# What a run may take beyond its seconds: to connect, to fill the keyspace and to empty it.
EXTRA_SECONDS = 300
CPU = "server_cpu_us_per_request"
LOAD_CPU = "generator_cpu_us_per_request"
FIELDS = ("requests_per_second", "wrong_replies", CPU, LOAD_CPU, "latency_us")


@dataclass(frozen=True)
class Load:
    """What is sent: a workload of `quintlock bench`, over so many connections, with so many requests in flight.

    It ends after `seconds`, or after `requests` if they are given.
    """

    workload: str
    clients: int
    pipeline: int
    seconds: float
    warmup_seconds: float
    threads: int = 1
    keys: int = 100_000
    ttl_ms: int | None = None
    requests: int | None = None

    def arguments(self):
        words = [self.workload, "--json"]
        for name, value in (
            ("clients", self.clients),
            ("pipeline", self.pipeline),
            ("threads", self.threads),
            ("keys", self.keys),
            ("ttl", self.ttl_ms),
            ("warmup", self.warmup_seconds),
            ("seconds", self.seconds if self.requests is None else None),
            ("requests", self.requests),
        ):
            if value is not None:
                words += [f"--{name}", str(value)]
        return words


def run(bench, server, load, cores, wrong_replies_are_wrong=True):
    """A sample: requests a second, the server's CPU time for each, and the latencies, in microseconds.

    `load_busy` is the part of its time that the load's threads were at work: near 1, the server could have done more.
    """
    target = ["--host", "127.0.0.1", "--port", str(server.port), "--server-pid", str(server.pid)]
    command = [*bench, "bench", *target, *load.arguments()]
    with on_cores(cores):
        result = parse(output(command, load.seconds + load.warmup_seconds + EXTRA_SECONDS), command)
    if wrong_replies_are_wrong and result["wrong_replies"]:
        raise CannotMeasure(f"{server.command[0]} gave {result['wrong_replies']} wrong replies to {load.workload}")
    return {
        "requests_per_second": result["requests_per_second"],
        "cpu_us": result[CPU],
        "load_busy": result[LOAD_CPU] * result["requests_per_second"] / 1e6 / load.threads,
        "latency_us": result["latency_us"],
        "wrong_replies": result["wrong_replies"],
    }


def output(command, seconds_max):
    """What a program prints; it is gone when this returns, whatever happens."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds_max, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CannotMeasure(f"{' '.join(command)} did not end within {seconds_max:.0f} s") from error
    # A load that met wrong replies says so by its exit code too; they are judged by whoever asked.
    if not done.stdout.strip():
        raise CannotMeasure(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def parse(text, command):
    try:
        result = json.loads(text)
    except json.JSONDecodeError as error:
        raise CannotMeasure(f"{' '.join(command)} printed no JSON: {text.strip()!r}") from error
    missing = [name for name in FIELDS if result.get(name) is None]
    if missing:
        raise CannotMeasure(f"{' '.join(command)} does not tell {', '.join(missing)}")
    if result["requests_per_second"] <= 0:
        raise CannotMeasure(f"{' '.join(command)} made no request")
    return result
