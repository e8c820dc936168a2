// Redlock with instances that are down: two of five do no harm, three of five stop every new lock and leave nothing.
//
// Instances go down in two ways: stopped while the clients are connected, and never there at all.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { clients } from '../clients.js';
import { connectFive } from '../five.js';
import { addressOfNobody, startFive, stopAll } from '../instances.js';
import { redlocksFor } from '../redlocks.js';
import { until } from '../wait.js';

const newKey = () => `lock:payment:${randomUUID()}`;

async function untilHeldOn(deployment, key, count, among) {
  await until(`${key} is held on ${count} of ${among}`, async () => (await deployment.held(key, among)) === count);
}

async function worksOnThree(redlock, deployment) {
  const { acquire, extend, release, refusal } = redlock;
  const key = newKey();
  const lock = await acquire([key], 60_000);
  await untilHeldOn(deployment, key, 3, 3);
  await assert.rejects(acquire([key], 60_000), refusal);
  assert.equal(await deployment.held(key, 3), 3, 'the refused attempt took nothing away');
  const extended = await extend(lock, 300_000);
  await release(extended);
  await untilHeldOn(deployment, key, 0, 3);
}

async function refusesOnTwo(redlock, deployment) {
  const key = newKey();
  await assert.rejects(redlock.acquire([key], 60_000), redlock.refusal);
  await untilHeldOn(deployment, key, 0, 2);
}

for (const library of clients) {
  describe(`redlock with instances down, ${library.name}`, () => {
    let five = [];
    before(async () => { five = await startFive(); });
    after(() => stopAll(five));

    const generations = redlocksFor(library);

    async function among(addresses, use) {
      const deployment = await connectFive(library, addresses, { lazily: true });
      try {
        for (const generation of generations) await use(await generation.over(deployment), deployment);
      } finally {
        deployment.close();
      }
    }

    const withNobody = async (count) => [
      ...five.slice(0, 5 - count),
      ...(await Promise.all(Array.from({ length: count }, addressOfNobody))),
    ];

    test('two of five that were never there do no harm', async () => {
      await among(await withNobody(2), worksOnThree);
    });

    test('with three of five never there nobody gets a lock and nothing stays locked', async () => {
      await among(await withNobody(3), refusesOnTwo);
    });

    test('a lock survives the loss of two holders of it, and the loss of a third ends all locking', async () => {
      const deployment = await connectFive(library, five, { lazily: true });
      try {
        const redlocks = await Promise.all(generations.map((generation) => generation.over(deployment)));
        const keys = redlocks.map(newKey);
        const locks = await Promise.all(redlocks.map(({ acquire }, at) => acquire([keys[at]], 60_000)));
        await Promise.all(keys.map((key) => untilHeldOn(deployment, key, 5, 5)));

        await stopAll(five.slice(3));
        for (const [at, { acquire, release, refusal }] of redlocks.entries()) {
          await assert.rejects(acquire([keys[at]], 60_000), refusal);
          await release(locks[at]);
          await untilHeldOn(deployment, keys[at], 0, 3);
          await worksOnThree(redlocks[at], deployment);
        }

        await stopAll(five.slice(2));
        for (const redlock of redlocks) await refusesOnTwo(redlock, deployment);
      } finally {
        deployment.close();
      }
    });
  });
}
