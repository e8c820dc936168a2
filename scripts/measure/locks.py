"""Live locks in a server, by the million: a key of 24 bytes, a token of 36, an hour to live."""

import socket

from scratch_server import CannotMeasure

KEY_BYTES = 24
TOKEN_BYTES = 36
TTL_MS = 3_600_000
# Requests that are sent at once; the next are made ready while the server works on them.
CHUNK = 2_000
REPLY_SECONDS = 60
REQUEST = (
    b"*6\r\n$3\r\nSET\r\n$24\r\nlive:orders:%012d\r\n$36\r\n%036d\r\n$2\r\nNX\r\n$2\r\nPX\r\n$7\r\n"
    + str(TTL_MS).encode()
    + b"\r\n"
)
GRANTED = b"+OK\r\n"


def fill(server, first, last):
    """Takes the locks from number `first` up to, not including, `last`, which must all be free."""
    with socket.create_connection(("127.0.0.1", server.port), REPLY_SECONDS) as connection:
        awaited = 0
        for begin in range(first, last, CHUNK):
            end = min(begin + CHUNK, last)
            requests = b"".join([REQUEST % (number, number) for number in range(begin, end)])
            receive(connection, awaited)
            connection.sendall(requests)
            awaited = end - begin
        receive(connection, awaited)


def receive(connection, count):
    left = count * len(GRANTED)
    while left > 0:
        part = connection.recv(min(left, 1 << 20))
        if not part:
            raise CannotMeasure("the server closed the connection while it was filled")
        # Whatever is not the expected reply brings a letter that is in none of them.
        if part.strip(b"+OK\r\n"):
            raise CannotMeasure(f"a lock was not granted while the server was filled: {part[:80]!r}")
        left -= len(part)
