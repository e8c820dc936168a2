// Redlock over five healthy instances: acquire, contention, extension, several resources, and locks that expire.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { clients } from '../clients.js';
import { connectFive } from '../five.js';
import { startCluster } from '../instances.js';
import { redlock5, redlocksFor } from '../redlocks.js';
import { until } from '../wait.js';

const newKey = () => `lock:inventory:${randomUUID()}`;

for (const library of clients) {
  describe(`redlock over five, ${library.name}`, () => {
    let cluster;
    let deployment;
    before(async () => {
      cluster = await startCluster();
      deployment = await connectFive(library, cluster.instances);
    });
    after(async () => {
      deployment?.close();
      await cluster.stop();
    });

    const untilHeldOn = (key, count) => until(`${key} is held on ${count}`, async () => (await deployment.held(key)) === count);

    for (const generation of redlocksFor(library)) {
      test(`${generation.name}: a lock is held on all five, refused to others, and freed on all five`, async () => {
        const { acquire, release, refusal, tokenOf } = await generation.over(deployment);
        const key = newKey();
        const lock = await acquire([key], 30_000);
        await untilHeldOn(key, 5);
        assert.deepEqual(await deployment.values(key), Array(5).fill(tokenOf(lock)));
        for (const ttlMs of await deployment.ttlsMs(key)) assert.ok(ttlMs > 0 && ttlMs <= 30_000, `ttl ${ttlMs} ms`);
        await assert.rejects(acquire([key], 30_000), refusal);
        assert.deepEqual(await deployment.values(key), Array(5).fill(tokenOf(lock)), 'the refused attempt took nothing away');
        await release(lock);
        await untilHeldOn(key, 0);
        await release(await acquire([key], 30_000));
      });

      test(`${generation.name}: a lock that waits gets its turn`, async () => {
        const { acquire, release } = await generation.over(deployment, { retryCount: 600 });
        const key = newKey();
        let inside = 0;
        let visits = 0;
        await Promise.all([0, 1, 2].map(async () => {
          const own = await acquire([key], 60_000);
          inside += 1;
          assert.equal(inside, 1);
          await deployment.values(key);
          visits += 1;
          inside -= 1;
          await release(own);
        }));
        assert.equal(visits, 3);
        await untilHeldOn(key, 0);
      });

      test(`${generation.name}: two resources are locked together or not at all`, async () => {
        const { acquire, release, refusal } = await generation.over(deployment);
        const [stock, balance] = [newKey(), newKey()];
        const lock = await acquire([balance], 30_000);
        await untilHeldOn(balance, 5);
        await assert.rejects(acquire([stock, balance], 30_000), refusal);
        assert.equal(await deployment.held(stock), 0);
        await release(lock);
        await untilHeldOn(balance, 0);
        const both = await acquire([stock, balance], 30_000);
        await untilHeldOn(stock, 5);
        await untilHeldOn(balance, 5);
        await release(both);
        await untilHeldOn(stock, 0);
        await untilHeldOn(balance, 0);
      });

      test(`${generation.name}: extend prolongs the ttl on all five`, async () => {
        const { acquire, extend, release } = await generation.over(deployment);
        const key = newKey();
        const lock = await acquire([key], 30_000);
        await untilHeldOn(key, 5);
        const extended = await extend(lock, 300_000);
        await until(`all five ttls of ${key} are longer`, async () => (await deployment.ttlsMs(key)).every((ttlMs) => ttlMs > 200_000));
        await release(extended);
        await untilHeldOn(key, 0);
      });

      test(`${generation.name}: a lock that expires before its release is reported, and the next holder keeps theirs`, async () => {
        const { acquire, extend, release, refusal, tokenOf } = await generation.over(deployment, { retryCount: 1 });
        const key = newKey();
        const late = await acquire([key], 700);
        await untilHeldOn(key, 0);
        const next = await acquire([key], 60_000);
        await untilHeldOn(key, 5);
        await assert.rejects(extend(late, 60_000), refusal);
        await assert.rejects(release(late), refusal);
        assert.deepEqual(await deployment.values(key), Array(5).fill(tokenOf(next)));
        await release(next);
      });
    }

    test('redlock 5: using extends the lock for as long as the routine runs', async () => {
      const { redlock, acquire, refusal } = await redlock5.over(deployment);
      const key = newKey();
      const durationMs = 3000;
      let extensions = 0;
      const answer = await redlock.using([key], durationMs, { automaticExtensionThreshold: 2200 }, async (signal) => {
        const startedAt = performance.now();
        let lastTtlMs = durationMs;
        await until('the lock outlives its first duration by extension', async () => {
          const ttlMs = await deployment.connections[0].ttlMs(key);
          assert.ok(ttlMs > 0, 'the lock was lost while it was in use');
          if (ttlMs > lastTtlMs) extensions += 1;
          lastTtlMs = ttlMs;
          return performance.now() - startedAt > durationMs + 500;
        });
        await assert.rejects(acquire([key], durationMs), refusal);
        assert.equal(signal.aborted, false);
        return 'done';
      });
      assert.equal(answer, 'done');
      assert.ok(extensions >= 2, `${extensions} extensions were seen`);
      await untilHeldOn(key, 0);
    });

    test('redlock 5: using tells the routine that the lock was lost', async () => {
      const { redlock, refusal } = await redlock5.over(deployment, { retryCount: 1 });
      const key = newKey();
      let reason;
      const use = redlock.using([key], 1500, { automaticExtensionThreshold: 1000, retryCount: 1 }, async (signal) => {
        await untilHeldOn(key, 5);
        await deployment.remove(key);
        await until('the routine is told', () => signal.aborted);
        reason = signal.error;
      });
      await assert.rejects(use, refusal);
      assert.ok(reason instanceof refusal, String(reason));
    });
  });
}
