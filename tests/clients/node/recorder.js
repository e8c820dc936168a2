// A proxy between a client and a server that writes down what the client asked and what the server answered.
//
// It forwards every byte unchanged. Requests are read as RESP arrays of bulk strings, the only form that client
// libraries send; the answers are kept as raw bytes, because RESP2 and RESP3 differ exactly there.

import net from 'node:net';
import { once } from 'node:events';

/** Listens on a port of its own in front of `target`. */
export async function record(target) {
  const recording = { commands: [], answers: [], address: undefined, stop: undefined };
  const sockets = new Set();
  const listener = net.createServer((client) => {
    const server = net.connect(target);
    const requests = new RequestReader((words) => recording.commands.push(words));
    client.on('data', (bytes) => requests.read(bytes));
    server.on('data', (bytes) => recording.answers.push(bytes.toString('latin1')));
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.pipe(server).pipe(client);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  recording.address = { host: '127.0.0.1', port: listener.address().port };
  recording.stop = async () => {
    for (const socket of sockets) socket.destroy();
    listener.close();
    await once(listener, 'close');
  };
  return recording;
}

class RequestReader {
  constructor(onCommand) {
    this.onCommand = onCommand;
    this.pending = '';
  }

  read(bytes) {
    this.pending += bytes.toString('latin1');
    for (;;) {
      const request = parseRequest(this.pending);
      if (!request) return;
      this.pending = this.pending.slice(request.end);
      this.onCommand(request.words);
    }
  }
}

/** The first whole request of `text`, or undefined when more bytes must come. */
function parseRequest(text) {
  const header = lineAt(text, 0, '*');
  if (!header) return undefined;
  const words = [];
  let at = header.end;
  while (words.length < header.value) {
    const length = lineAt(text, at, '$');
    if (!length || text.length < length.end + length.value + 2) return undefined;
    words.push(text.slice(length.end, length.end + length.value));
    at = length.end + length.value + 2;
  }
  return { words, end: at };
}

function lineAt(text, at, marker) {
  const end = text.indexOf('\r\n', at);
  if (end < 0) return undefined;
  if (text[at] !== marker) throw new Error(`expected ${marker} in a request, found ${JSON.stringify(text.slice(at, end))}`);
  return { value: Number(text.slice(at + 1, end)), end: end + 2 };
}
