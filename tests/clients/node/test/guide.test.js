// The examples of docs/testing-redlock.md: redlock 5 on ioredis, and a cluster that fails on demand.
//
// Text between `guide:` marks stands in the document as it is here, but for the pinned names of the packages; a test of
// the server compares them. Every example has a cluster of its own.

import { afterEach, beforeEach, test } from 'node:test';

// guide: setup
import assert from 'node:assert/strict';
import Redis from 'ioredis-6';
import Redlock, { ExecutionError } from 'redlock-5';

const LOCK_OPTIONS = { commandTimeout: 500, maxRetriesPerRequest: 0, retryStrategy: () => null };
function connect(ports) {
  const open = (options) => ports.map((port) => new Redis(port, '127.0.0.1', options).on('error', () => {}));
  const clients = open(LOCK_OPTIONS);
  const operators = open({ retryStrategy: () => null });
  return {
    redlock: new Redlock(clients, { retryCount: 0 }),
    // A crash is not answered.
    fault: (instance, ...words) => operators[instance - 1].call('DEBUG', ...words).catch(() => {}),
    // A vote ends with its majority; the other servers follow.
    async untilHeldOn(count, instances = [1, 2, 3, 4, 5]) {
      for (const deadline = Date.now() + 5000; ;) {
        const found = await Promise.all(instances.map((one) => operators[one - 1].exists('order:42')));
        if (found.filter(Boolean).length === count) return;
        assert.ok(Date.now() < deadline, `held on ${found}, not on ${count}`);
      }
    },
    close: () => [...clients, ...operators].forEach((one) => one.disconnect()),
  };
}
// guide: end

import { isRealRedis, startCluster } from '../instances.js';

const options = { skip: isRealRedis && 'no Redis has these faults' };
let cluster;
let redlock, fault, untilHeldOn, close;
beforeEach(async () => {
  if (isRealRedis) return;
  cluster = await startCluster();
  ({ redlock, fault, untilHeldOn, close } = connect(cluster.instances.map(({ port }) => port)));
});
afterEach(async () => {
  close?.();
  await cluster?.stop();
});

test('two of five down', options, async () => {
  // guide: two of five down
  await Promise.all([fault(1, 'CRASH'), fault(2, 'CRASH')]);
  const lock = await redlock.acquire(['order:42'], 10_000);
  await untilHeldOn(3, [3, 4, 5]);
  await lock.release();
  await fault(3, 'CRASH');
  await assert.rejects(redlock.acquire(['order:42'], 10_000), ExecutionError);
  await untilHeldOn(0, [4, 5]);    // a minority was given back
  // guide: end
});

test('lost reply', options, async () => {
  // guide: lost reply
  await (await redlock.acquire(['order:42'], 10_000)).release();  // all five know the scripts now
  await untilHeldOn(0);
  await fault(1, 'DROP', 1);
  const lock = await redlock.acquire(['order:42'], 10_000);       // four answer,
  await untilHeldOn(5);                                           // and the first has set the key all the same
  await lock.release();
  await untilHeldOn(0);
  await Promise.all([2, 3].map((one) => fault(one, 'DROP', 1)));  // the first stays silent: three of five
  await assert.rejects(redlock.acquire(['order:42'], 10_000), ExecutionError);
  await untilHeldOn(0);                                           // set on all five, and released on all five
  // guide: end
});

test('slow node', options, async () => {
  // guide: slow node
  await fault(3, 'DELAY', 5000, 1000);                // 5 to 6 seconds late: longer than commandTimeout
  const lock = await redlock.acquire(['order:42'], 10_000);
  assert.ok(lock.expiration - Date.now() > 5000);     // it did not wait for the slow one
  await lock.release();
  await Promise.all([1, 2].map((one) => fault(one, 'DELAY', 5000)));
  await assert.rejects(redlock.acquire(['order:42'], 10_000), ExecutionError);
  // guide: end
});

test('expired while held', options, async () => {
  // guide: expired while held
  const lock = await redlock.acquire(['order:42'], 10_000);
  await untilHeldOn(5);
  await Promise.all([1, 2, 3, 4, 5].map((one) => fault(one, 'ADVANCE', 10_000)));
  const next = await redlock.acquire(['order:42'], 10_000);       // somebody else has it
  await assert.rejects(lock.extend(10_000), ExecutionError);      // and the first one is told
  await assert.rejects(lock.release(), ExecutionError);
  await untilHeldOn(5);                                           // which took nothing from the next
  await next.release();
  // guide: end
});
