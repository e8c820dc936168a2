// A shop on plain files: stock, orders and fulfilments, read and written with awaits in between.
//
// Nothing here is atomic across processes, on purpose: every sum comes out right only if the lock around it is
// exclusive. A marker file, created with O_EXCL inside the critical section, counts each overlap as it happens.

import { appendFile, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';

/** The directory of a new shop with that many items and one pending order. */
export async function openShop(quantity) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'quintlock-shop-'));
  const shop = new Shop(directory);
  await shop.put('stock', quantity);
  await shop.put('order', 'pending');
  for (const ledger of ['orders', 'fulfilments', 'overlaps']) await writeFile(shop.file(ledger), '');
  return shop;
}

/** The stock of one product and the state of one order. */
export class Shop {
  constructor(directory) {
    this.directory = directory;
  }

  /** Sells one item; to be called under the lock. The payment of some buyers fails and is compensated. */
  async sell(buyer) {
    await this.enter();
    try {
      const quantity = Number(await this.take('stock'));
      if (quantity < 1) return 'insufficient stock';
      await this.put('stock', quantity - 1);
      if (isCardDeclined(buyer)) {
        await this.put('stock', Number(await this.take('stock')) + 1);
        return 'payment failed';
      }
      await appendFile(this.file('orders'), `${buyer}\n`);
      return 'sold';
    } finally {
      await this.leave();
    }
  }

  /** Fulfils the order unless that was done before; to be called under the lock. */
  async fulfil(worker) {
    await this.enter();
    try {
      if ((await this.take('order')) !== 'pending') return 'already processed';
      await appendFile(this.file('fulfilments'), `${worker}\n`);
      await this.put('order', 'fulfilled');
      return 'processed';
    } finally {
      await this.leave();
    }
  }

  /** What is left, and what the ledgers say. */
  async books() {
    const lines = async (ledger) => (await this.take(ledger)).split('\n').filter(Boolean);
    return {
      stock: Number(await this.take('stock')),
      order: await this.take('order'),
      orders: await lines('orders'),
      fulfilments: await lines('fulfilments'),
      overlaps: (await lines('overlaps')).length,
    };
  }

  async close() {
    await rm(this.directory, { recursive: true, force: true });
  }

  async enter() {
    try {
      const marker = await open(this.file('inside'), 'wx');
      await marker.close();
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      await appendFile(this.file('overlaps'), 'overlap\n');
    }
  }

  async leave() {
    await rm(this.file('inside'), { force: true });
  }

  async take(name) {
    return readFile(this.file(name), 'utf8');
  }

  async put(name, value) {
    // A rename keeps a reader from seeing half a write; the read-modify-write around it stays open to races.
    const draft = this.file(`${name}.${randomUUID()}`);
    await writeFile(draft, String(value));
    await rename(draft, this.file(name));
  }

  file(name) {
    return path.join(this.directory, name);
  }
}

function isCardDeclined(buyer) {
  return buyer % 20 === 7;
}
