"""Which cores a process may use.

A child inherits the cores of the thread that starts it, so nothing but this module decides where a server or a load
runs; no program such as taskset is needed.
"""

import contextlib
import enum
import os

from scratch_server import CannotMeasure


class Placement(enum.Enum):
    """Where the server and its load run."""

    ONE_CORE = "one core"
    BOTH_CORES = "both cores"

    @property
    def server_cores(self):
        return ALL_CORES[:1] if self is Placement.ONE_CORE else ALL_CORES

    @property
    def load_cores(self):
        return ALL_CORES[1:2] if self is Placement.ONE_CORE else ALL_CORES


ALL_CORES = sorted(os.sched_getaffinity(0))[:2]


def require_two_cores():
    if len(ALL_CORES) < 2:
        raise CannotMeasure("needs two cores, one for the server and one for the load; this process may use one")


@contextlib.contextmanager
def on_cores(cores):
    """Whatever is started in the `with` block may use these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
