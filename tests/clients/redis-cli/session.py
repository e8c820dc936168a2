"""Types into redis-cli at a pseudo-terminal, as a person would, and checks what the screen shows.

    python3 session.py REDIS_CLI PORT

Each check is a line that begins with `ok` or `FAIL`; the exit code is 1 if one failed. It changes keys of the server
at 127.0.0.1:PORT. Needs Python 3 alone.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

STEP_SECONDS = 5
ESCAPE_SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
CONTROL_C, CONTROL_D, CONTROL_U = "\x03", "\x04", "\x15"


class Session:
    """A redis-cli at a pseudo-terminal of 120 columns."""

    def __init__(self, program, port):
        self.program, self.port = program, port
        self.address = f"127.0.0.1:{port}"
        self.failures = 0
        self.screen = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            # A parent in the background may have handed on that the signal is ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            environment = dict(os.environ, TERM="xterm", REDISCLI_HISTFILE="/dev/null", HOME="/nonexistent")
            os.execvpe(program, [program, "-p", str(port)], environment)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def type(self, text):
        """Types, after forgetting what the screen showed so far."""
        self.screen = b""
        os.write(self.terminal, text.encode())

    def read(self, seconds):
        """Reads more of the screen; False when there was nothing or redis-cli has ended."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            part = os.read(self.terminal, 65536)
        except OSError:
            return False
        self.screen += part
        return bool(part)

    def shows(self, name, *texts):
        """Checks that all the texts come to the screen in time."""
        give_up_at = time.monotonic() + STEP_SECONDS
        while True:
            shown = ESCAPE_SEQUENCE.sub(b"", self.screen).decode(errors="replace")
            missing = [text for text in texts if text not in shown]
            left = give_up_at - time.monotonic()
            if not missing or left <= 0 or not self.read(left):
                break
        self.report(name, not missing, f"missing {missing!r} in {shown!r}")

    def runs(self, name, command, *texts, prompt=""):
        """Types a command and checks what it shows, a new prompt last: what is typed before one is lost."""
        self.type(command + "\r")
        self.shows(name, *texts, f"\n{self.address}{prompt}> ")

    def report(self, name, is_as_expected, otherwise):
        self.failures += not is_as_expected
        print(f"ok   interactive: {name}" if is_as_expected else f"FAIL interactive: {name}: {otherwise}")

    def ends(self, name):
        """Checks that redis-cli ends by itself with code 0, and ends it if it does not."""
        give_up_at = time.monotonic() + STEP_SECONDS
        while time.monotonic() < give_up_at:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.report(name, status == 0, f"wait status {status}")
                return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.report(name, False, "it still runs")


def converse(session):
    """A session of commands, hints and help, up to the end of input."""
    session.shows("the prompt names the server", f"{session.address}> ")
    session.type("set ")
    session.shows("hints follow what is typed", "set key value", "NX|XX")
    session.runs("a hinted command is run", "lock:1 holder NX PX 30000", "OK")
    session.runs("a reply is shown as a quoted string", "get lock:1", '"holder"')
    session.runs("an absent key is shown as nil", "get lock:2", "(nil)")
    session.runs("a number is shown with its type", "incr count", "(integer) 1")
    session.type("getr")
    session.shows("a hint waits for the whole name", "getr")
    session.type("ange ")
    session.shows("hints name the arguments", "key start end")
    session.type(CONTROL_U)
    session.runs("help tells of a group", "help @string", "SET key value", "GETEX key")
    session.runs("help tells a subcommand", "help client kill", "CLIENT KILL", "since: 2.4.0")
    session.runs("help tells a command", "help set", "SET key value", "summary:", "since: 1.0.0", "group: string")
    session.type("pexp\t")
    session.shows("Tab completes a command", "PEXPIRE")
    session.type(CONTROL_U)
    error = "(error) ERR wrong number of arguments for 'pexpire' command"
    session.runs("an error is shown as one", "pexpire lock:1", error)
    session.runs("a transaction shows in the prompt", "multi", "OK", prompt="(TX)")
    session.runs("a queued command is shown", "incr count", "QUEUED", prompt="(TX)")
    session.runs("the transaction ends", "exec", "1) (integer) 2")
    session.runs("the database shows in the prompt", "select 3", "OK", prompt="[3]")
    session.runs("a count repeats a command", "2 ping", "PONG\r\nPONG", prompt="[3]")
    session.runs("HELLO 3 switches the protocol", "hello 3", '# "proto" => (integer) 3', prompt="[3]")
    session.runs("the shell goes on in RESP3", "get absent", "(nil)", prompt="[3]")
    session.type(CONTROL_D)
    session.ends("Ctrl-D ends it")


def listen(session):
    """A subscription that is interrupted."""
    session.shows("a second shell opens", f"{session.address}> ")
    session.type("subscribe news\r")
    session.shows("subscribing waits for messages", "Reading messages", '"subscribe"', '"news"', "(integer) 1")
    session.type(CONTROL_C)
    session.shows("Ctrl-C ends the subscription", f"{session.address}> ")
    session.runs("the shell goes on after a subscription", "ping", "PONG")
    session.type(CONTROL_D)
    session.ends("Ctrl-D ends it after a subscription")


def watch(session):
    """MONITOR, which shows what others run."""
    session.shows("a third shell opens", f"{session.address}> ")
    session.type("monitor\r")
    session.shows("MONITOR is granted", "OK")
    other = Session(session.program, session.port)
    other.shows("another shell opens beside it", f"{other.address}> ")
    other.runs("the other takes a lock", "set lock:9 holder NX", "OK")
    session.shows("the monitor shows the other's command", '"set" "lock:9" "holder" "NX"')
    other.type(CONTROL_D)
    other.ends("the other ends")
    session.failures += other.failures
    session.type(CONTROL_C)
    session.shows("Ctrl-C ends the monitor", f"{session.address}> ")
    session.runs("the shell goes on after the monitor", "ping", "PONG")
    session.type(CONTROL_D)
    session.ends("Ctrl-D ends it after a monitor")


def main(program, port):
    failures = 0
    for script in (converse, listen, watch):
        session = Session(program, port)
        script(session)
        failures += session.failures
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
