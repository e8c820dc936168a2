"""A proxy between a client and a server that writes down what the client asked.

It forwards every byte unchanged, also of what it cannot read. Requests are read as RESP arrays of bulk strings, the
form that client libraries send, or as a line of words: Rust's fred sends its HELLO so.
"""

import socket
import threading

CHUNK_BYTES = 65_536


class Recorder:
    """Listens on a port of its own in front of an address; `commands` are lists of bytes, in the order of arrival."""

    def __init__(self, target):
        self.commands = []
        self.target = target
        self.sockets = []
        self.listener = socket.create_server((target.host, 0))
        self.address = type(target)(*self.listener.getsockname()[:2])
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        # A thread in accept() is woken by a shutdown only.
        for opened in [self.listener, *self.sockets]:
            try:
                opened.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            opened.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection((self.target.host, self.target.port))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sockets.append(end)
            requests = RequestReader(self.commands.append)
            threading.Thread(target=pump, args=(client, server, requests.read), daemon=True).start()
            threading.Thread(target=pump, args=(server, client, lambda _: None), daemon=True).start()


def pump(source, sink, overhear):
    """Forwards bytes until either end closes, and then closes both."""
    try:
        while chunk := source.recv(CHUNK_BYTES):
            overhear(chunk)
            sink.sendall(chunk)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class RequestReader:
    """Cuts a stream into requests."""

    def __init__(self, on_command):
        self.on_command = on_command
        self.pending = b""

    def read(self, chunk):
        self.pending += chunk
        while (request := first_request(self.pending)) is not None:
            words, end = request
            self.pending = self.pending[end:]
            if words:
                self.on_command(words)


def first_request(stream):
    """The words of the first whole request and where it ends; None when more bytes must come."""
    if not stream.startswith(b"*"):
        line, end, _ = stream.partition(b"\r\n")
        return (line.split(), len(line) + 2) if end else None
    header = number_at(stream, 0)
    if header is None:
        return None
    count, at = header
    words = []
    for _ in range(count):
        length = number_at(stream, at)
        if length is None or len(stream) < length[1] + length[0] + 2:
            return None
        words.append(stream[length[1] : length[1] + length[0]])
        at = length[1] + length[0] + 2
    return words, at


def number_at(stream, at):
    end = stream.find(b"\r\n", at)
    return None if end < 0 else (int(stream[at + 1 : end]), end + 2)
