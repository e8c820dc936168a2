// The lock of one server, through every client library: acquire, contention, release, expiry, retry and the guarded
// operation of an application.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { clients } from '../clients.js';
import { startCluster } from '../instances.js';
import { SimpleRedisLock, safeLockedOperation } from '../locks.js';
import { until } from '../wait.js';

for (const library of clients) {
  describe(`simple lock, ${library.name}`, () => {
    let cluster;
    let client;
    let other;
    let lock;
    let otherLock;
    before(async () => {
      cluster = await startCluster();
      client = await library.connect(cluster.instances[0]);
      other = await library.connect(cluster.instances[0]);
      lock = new SimpleRedisLock(client);
      otherLock = new SimpleRedisLock(other);
    });
    after(async () => {
      client?.close();
      other?.close();
      await cluster.stop();
    });

    const newName = (kind) => `${kind}:${randomUUID()}`;
    const untilFree = (name) => until(`lock:${name} is free`, async () => (await client.exists(`lock:${name}`)) === 0);

    test('an acquired lock carries its token and a deadline', async () => {
      const name = newName('order');
      const token = await lock.acquire(name, 30);
      assert.equal(await client.read(`lock:${name}`), token);
      const ttlMs = await client.ttlMs(`lock:${name}`);
      assert.ok(ttlMs > 0 && ttlMs <= 30_000, `ttl ${ttlMs} ms`);
      assert.equal(await lock.release(name, token), true);
      assert.equal(await client.exists(`lock:${name}`), 0);
    });

    test('a held lock is refused to others and changes nothing', async () => {
      const name = newName('order');
      const token = await lock.acquire(name, 30);
      assert.equal(await otherLock.acquire(name, 60), null);
      assert.equal(await client.read(`lock:${name}`), token);
      assert.ok((await client.ttlMs(`lock:${name}`)) <= 30_000, 'the refused attempt prolonged the lock');
      assert.equal(await lock.release(name, token), true);
      const next = await otherLock.acquire(name, 30);
      assert.notEqual(next, null);
      assert.equal(await otherLock.release(name, next), true);
    });

    test('a wrong token does not release', async () => {
      const name = newName('order');
      const token = await lock.acquire(name, 30);
      assert.equal(await otherLock.release(name, randomUUID()), false);
      assert.equal(await client.read(`lock:${name}`), token);
      assert.equal(await lock.release(name, token), true);
      assert.equal(await lock.release(name, token), false, 'a second release finds nothing');
    });

    test('of fifty attempts at once exactly one wins', async () => {
      const name = newName('order');
      const tokens = await Promise.all(
        Array.from({ length: 50 }, (_, number) => (number % 2 ? lock : otherLock).acquire(name, 30)),
      );
      assert.equal(tokens.filter(Boolean).length, 1);
    });

    test('a lock that expires before its release is reported, and the next holder keeps theirs', async () => {
      const name = newName('order');
      const late = await lock.acquire(name, 1);
      await untilFree(name);
      const next = await otherLock.acquire(name, 30);
      assert.notEqual(next, null);
      assert.equal(await lock.release(name, late), false);
      assert.equal(await client.read(`lock:${name}`), next);
      assert.equal(await otherLock.release(name, next), true);
    });

    test('retry waits longer each time, with jitter, and gives up', async () => {
      const name = newName('report');
      await lock.acquire(name, 60);
      const waits = [];
      const options = { attempts: 5, delayMs: 10, jitterMs: 8, onWait: (waitMs) => waits.push(waitMs) };
      assert.equal(await otherLock.acquireWithRetry(name, options), null);
      assert.equal(waits.length, 5);
      waits.forEach((waitMs, refusals) => {
        const shortest = 10 * 2 ** refusals;
        assert.ok(waitMs >= shortest && waitMs < shortest + 8, `wait ${refusals} was ${waitMs} ms`);
      });
    });

    test('retry gets the lock once the holder lets go', async () => {
      const name = newName('report');
      const token = await lock.acquire(name, 60);
      let refusals = 0;
      const onWait = async () => {
        refusals += 1;
        if (refusals === 3) assert.equal(await lock.release(name, token), true);
      };
      const next = await otherLock.acquireWithRetry(name, { attempts: 12, delayMs: 5, jitterMs: 5, onWait });
      assert.ok(refusals >= 3);
      assert.equal(await client.read(`lock:${name}`), next);
    });

    test('twenty waiters with back-off are inside one after another', async () => {
      const name = newName('report');
      let inside = 0;
      let visits = 0;
      await Promise.all(Array.from({ length: 20 }, async (_, number) => {
        const own = number % 2 ? lock : otherLock;
        const token = await own.acquireWithRetry(name, { attempts: 14, delayMs: 2, jitterMs: 20 });
        assert.notEqual(token, null, 'a waiter gave up');
        inside += 1;
        assert.equal(inside, 1);
        await client.read(`lock:${name}`);
        visits += 1;
        inside -= 1;
        assert.equal(await own.release(name, token), true);
      }));
      assert.equal(visits, 20);
    });

    test('a guarded operation runs under the lock and frees it, also when it throws', async () => {
      const name = newName('inventory');
      const warnings = [];
      const options = { ttlSeconds: 30, warn: (text) => warnings.push(text) };
      const held = () => client.exists(`lock:${name}`);
      assert.equal(await safeLockedOperation(lock, name, held, options), 1);
      assert.equal(await held(), 0);
      await assert.rejects(safeLockedOperation(lock, name, async () => { throw new Error('payment failed'); }, options), /payment failed/);
      assert.equal(await held(), 0);
      assert.deepEqual(warnings, []);
    });

    test('a guarded operation that finds the lock taken asks onLockFailed, or throws', async () => {
      const name = newName('inventory');
      await otherLock.acquire(name, 60);
      let runs = 0;
      const operation = async () => { runs += 1; };
      const onLockFailed = () => ({ success: false, error: 'Please try again' });
      assert.deepEqual(await safeLockedOperation(lock, name, operation, { onLockFailed }), onLockFailed());
      await assert.rejects(safeLockedOperation(lock, name, operation), { message: `Failed to acquire lock: ${name}` });
      assert.equal(runs, 0);
    });

    test('a guarded operation that outlives its lock is warned of it', async () => {
      const name = newName('inventory');
      const warnings = [];
      const slow = async () => {
        await untilFree(name);
        return otherLock.acquire(name, 30);
      };
      const next = await safeLockedOperation(lock, name, slow, { ttlSeconds: 1, warn: (text) => warnings.push(text) });
      assert.deepEqual(warnings, [`Lock ${name} may have expired before release`]);
      assert.equal(await client.read(`lock:${name}`), next);
    });
  });
}
