// Starts and stops the servers that the suites talk to.
//
// One place decides which server is under test: the `quintlock` binary named by QUINTLOCK_BIN (or the newest build in
// `target/`), or a real `redis-server` when REAL_REDIS=1. Nothing else in this directory knows which one answers.
// Invariant: an instance is handed out only after it has answered PING, and no child process outlives the test process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { until } from './wait.js';

const REPOSITORY = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const HOST = '127.0.0.1';
const INSTANCES = 5;
const STOP_WAIT_MS = 20_000;
const START_ATTEMPTS = 5;

/** Whether the suites run against a real Redis. */
export const isRealRedis = process.env.REAL_REDIS === '1';

/**
 * Five instances under one handle: `quintlock cluster`, or five `redis-server` processes.
 * Single ones of them cannot be stopped; use `startFive` for that.
 */
export async function startCluster() {
  if (isRealRedis) {
    const five = await startFive();
    return { instances: five, stop: () => stopAll(five) };
  }
  const options = ['cluster', '--instances', String(INSTANCES), '--base-port', '0', '--json'];
  const server = launch(quintlock(), options);
  const { instances } = JSON.parse(await firstLine(server));
  if (instances.length !== INSTANCES) {
    throw new Error(`asked for ${INSTANCES} instances, was told of ${instances.length}`);
  }
  await Promise.all(instances.map(({ host, port }) => untilAnswersPing(server, { host, port })));
  return { instances, stop: server.stop };
}

/** Five servers, each a process of its own that `stop()` ends. */
export function startFive() {
  return Promise.all(Array.from({ length: INSTANCES }, startSingle));
}

/** Stops what `startFive` started; stopping twice does no harm. */
export async function stopAll(instances) {
  await Promise.all(instances.map((instance) => instance.stop()));
}

/** One server on a port of the system's choice. */
export async function startSingle() {
  for (let attempt = 1; ; attempt += 1) {
    const address = { host: HOST, port: await unusedPort() };
    const server = isRealRedis
      ? launch('redis-server', ['--port', String(address.port), '--bind', HOST, '--save', '', '--appendonly', 'no'])
      : launch(quintlock(), ['--port', String(address.port)]);
    try {
      await untilAnswersPing(server, address);
      return { ...address, stop: server.stop };
    } catch (error) {
      // Somebody else may have taken the port between its choice and the server's start.
      await server.stop();
      if (attempt === START_ATTEMPTS) throw error;
    }
  }
}

/** The address of a port where nobody listens. */
export async function addressOfNobody() {
  return { host: HOST, port: await unusedPort() };
}

function quintlock() {
  const builds = ['target/release/quintlock', 'target/debug/quintlock'];
  const named = process.env.QUINTLOCK_BIN;
  const paths = (named ? [named] : builds).map((file) => path.resolve(REPOSITORY, file));
  const binary = paths.find((file) => existsSync(file));
  if (!binary) {
    throw new Error(`no server binary at ${paths.join(' or ')} (build it, set QUINTLOCK_BIN, or set REAL_REDIS=1)`);
  }
  return binary;
}

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) {
  // A signal ends a process without its exit handlers, and the servers would stay behind.
  process.once(signal, () => process.exit(1));
}

function launch(program, options) {
  // A server keeps its files in its working directory, so each gets an empty one.
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quintlock-clients-'));
  const child = spawn(program, options, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const server = { child, said: '', stop: undefined };
  const remember = (chunk) => { server.said = (server.said + chunk).slice(-4000); };
  child.stderr.on('data', remember);
  child.stdout.on('data', remember);
  running.add(child);
  const ended = new Promise((resolve) => {
    child.once('error', (error) => { remember(String(error)); resolve(); });
    child.once('exit', resolve);
  }).then(() => {
    running.delete(child);
    server.hasEnded = true;
    rmSync(directory, { recursive: true, force: true });
  });
  server.ended = ended;
  server.stop = async () => {
    if (server.hasEnded) return;
    child.kill('SIGTERM');
    const overdue = setTimeout(() => child.kill('SIGKILL'), STOP_WAIT_MS);
    await ended;
    clearTimeout(overdue);
    if (child.signalCode === 'SIGKILL') throw new Error(`${program} did not end within ${STOP_WAIT_MS} ms of SIGTERM`);
  };
  return server;
}

async function firstLine(server) {
  const lines = createInterface({ input: server.child.stdout });
  const line = await Promise.race([once(lines, 'line').then(([text]) => text), server.ended]);
  lines.close();
  // A closed reader must not leave the pipe unread: a full pipe would block the server.
  server.child.stdout.resume();
  if (line === undefined) throw new Error(`the server ended before it announced its instances: ${server.said}`);
  return line;
}

async function untilAnswersPing(server, address) {
  await until(`${address.host}:${address.port} answers PING`, async () => {
    if (server.hasEnded) throw new Error(`the server ended: ${server.said}`);
    return (await answerToPing(address)) === '+PONG\r\n';
  });
}

function answerToPing({ host, port }) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const finish = (answer) => { socket.destroy(); resolve(answer); };
    socket.setTimeout(1000, () => finish(undefined));
    socket.once('connect', () => socket.write('*1\r\n$4\r\nPING\r\n'));
    socket.once('data', (bytes) => finish(bytes.toString()));
    socket.once('error', () => finish(undefined));
    socket.once('close', () => finish(undefined));
  });
}

async function unusedPort() {
  const listener = net.createServer().listen(0, HOST);
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}
