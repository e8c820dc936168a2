// A shop under a crowd: nothing is sold twice, no order is fulfilled twice, and everybody gets an answer.
//
// The first test is the control: with a lock that refuses nobody the same crowd must break the shop, or the other
// tests would prove nothing.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { clients } from '../clients.js';
import { crowd, tally } from '../crowd.js';
import { startCluster } from '../instances.js';
import { openShop } from '../shop.js';

const ITEMS = 10;

describe('shop', () => {
  let cluster;
  before(async () => { cluster = await startCluster(); });
  after(() => cluster.stop());

  async function inShop(use) {
    const shop = await openShop(ITEMS);
    try {
      await use(shop);
    } finally {
      await shop.close();
    }
  }

  async function sale({ guard, client, people }) {
    await inShop(async (shop) => {
      const job = { task: 'buy', guard, client, addresses: cluster.instances, directory: shop.directory };
      const counts = tally(await crowd(job, { processes: 4, people }));
      const books = await shop.books();
      assert.equal(books.overlaps, 0, 'nobody was inside while somebody else was');
      assert.equal(counts.sold, ITEMS);
      assert.equal(books.orders.length, ITEMS);
      assert.equal(new Set(books.orders).size, ITEMS);
      assert.equal(books.stock, 0);
      assert.equal(counts.sold + counts['insufficient stock'] + (counts['payment failed'] ?? 0), people, JSON.stringify(counts));
    });
  }

  test('a crowd without a lock sells what is not there', async () => {
    await inShop(async (shop) => {
      const job = { task: 'buy', guard: 'none', addresses: [], directory: shop.directory };
      const counts = tally(await crowd(job, { processes: 4, people: 200 }));
      const books = await shop.books();
      assert.ok(books.overlaps > 0);
      assert.ok(counts.sold > ITEMS, JSON.stringify(counts));
    });
  });

  for (const { name } of clients) {
    test(`${name}: ten items, two hundred buyers, ten sales`, () => sale({ guard: 'simple', client: name, people: 200 }));

    test(`${name}: one order, sixty workers, one fulfilment`, async () => {
      await inShop(async (shop) => {
        const job = { task: 'process', guard: 'simple', client: name, addresses: cluster.instances, directory: shop.directory };
        const counts = tally(await crowd(job, { processes: 3, people: 60 }));
        const books = await shop.books();
        assert.equal(books.fulfilments.length, 1);
        assert.equal(books.order, 'fulfilled');
        assert.equal(books.overlaps, 0);
        assert.equal(counts.processed, 1);
        assert.equal(1 + (counts['already processed'] ?? 0) + (counts['already being processed'] ?? 0), 60, JSON.stringify(counts));
      });
    });

    test(`${name}: redlock 5 over five instances sells ten items`, () => sale({ guard: 'redlock5', client: name, people: 60 }));
  }

  for (const { name } of clients.filter((client) => client.isCallbackStyle)) {
    test(`${name}: redlock 4 over five instances sells ten items`, () => sale({ guard: 'redlock4', client: name, people: 60 }));
  }
});
