// One process of the shop: some tens of buyers, or of workers at one order, all at the same time.
//
// The parent sends the job, hears `ready` once every connection stands, says `go`, and gets one answer per buyer.
// Invariant: a buyer ends with an answer of the shop or with an error; nobody gives up silently.

import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

import { clientNamed } from './clients.js';
import { SimpleRedisLock } from './locks.js';
import { Shop } from './shop.js';

const CONNECTIONS = 5;
const PATIENCE_MS = 60_000;
const LOCK_TTL_SECONDS = 30;

/** How a section is guarded: `run(name, section)` is the section's answer, or undefined when the lock was refused. */
const guards = {
  async simple(job) {
    const [address] = job.addresses;
    const connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => clientNamed(job.client).connect(address)),
    );
    const locks = connections.map((connection) => new SimpleRedisLock(connection));
    return {
      close: () => connections.forEach((connection) => connection.close()),
      async run(name, section, person) {
        const lock = locks[person % locks.length];
        const token = await lock.acquire(name, LOCK_TTL_SECONDS);
        if (!token) return undefined;
        try {
          return await section();
        } finally {
          if (!(await lock.release(name, token))) throw new Error(`the lock ${name} was lost while it was held`);
        }
      },
    };
  },

  async redlock5(job) {
    const { default: Redlock, ExecutionError } = await import('redlock-5');
    const connections = await connectAll(job);
    // The library keeps a minority's votes between its own retries, so the buyers do the retrying.
    const redlock = new Redlock(connections.map((connection) => connection.forRedlock), { retryCount: 0 });
    return {
      close: () => connections.forEach((connection) => connection.close()),
      async run(name, section) {
        let lock;
        try {
          lock = await redlock.acquire([`lock:${name}`], LOCK_TTL_SECONDS * 1000);
        } catch (error) {
          if (error instanceof ExecutionError) return undefined;
          throw error;
        }
        try {
          return await section();
        } finally {
          await lock.release();
        }
      },
    };
  },

  async redlock4(job) {
    const { default: Redlock } = await import('redlock-4');
    const connections = await connectAll(job);
    const redlock = new Redlock(connections.map((connection) => connection.native), { retryCount: 0 });
    return {
      close: () => connections.forEach((connection) => connection.close()),
      async run(name, section) {
        let lock;
        try {
          lock = await redlock.lock(`lock:${name}`, LOCK_TTL_SECONDS * 1000);
        } catch (error) {
          if (error instanceof Redlock.LockError) return undefined;
          throw error;
        }
        try {
          return await section();
        } finally {
          await lock.unlock();
        }
      },
    };
  },

  /** Refuses nobody: the control that shows what the shop does without a lock. */
  async none() {
    return { close() {}, run: (name, section) => section() };
  },
};

function connectAll(job) {
  return Promise.all(job.addresses.map((address) => clientNamed(job.client).connect(address)));
}

const tasks = {
  async buy(guard, shop, buyer) {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      const answer = await guard.run('inventory:phone', () => shop.sell(buyer), buyer);
      if (answer) return answer;
      await pause(2 + Math.random() * 40);
    }
    throw new Error(`buyer ${buyer} had no answer after ${PATIENCE_MS} ms`);
  },

  async process(guard, shop, worker) {
    const answer = await guard.run('order-processing:42', () => shop.fulfil(worker), worker);
    return answer ?? 'already being processed';
  },
};

const [job] = await once(process, 'message');
const guard = await guards[job.guard](job);
const shop = new Shop(job.directory);
const go = once(process, 'message');
process.send('ready');
await go;
const outcomes = await Promise.allSettled(job.people.map((person) => tasks[job.task](guard, shop, person)));
guard.close();
process.send(
  outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : `error: ${outcome.reason.message}`)),
  () => process.disconnect(),
);
