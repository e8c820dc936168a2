"""What the system tells of a process in /proc: resident memory, and the context switches of all its threads."""

import pathlib


def switches(pid):
    """How many times a thread went to sleep or was made to wait: each is a wake-up later."""
    total = 0
    for text in status_of_each_thread(pid):
        for line in text.splitlines():
            if line.startswith(("voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:")):
                total += int(line.split()[1])
    return total


def resident_bytes(pid):
    """The resident set, bytes; what is shared with other processes counts in each."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def status_of_each_thread(pid):
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            yield (thread / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            # The thread ended meanwhile.
            continue
