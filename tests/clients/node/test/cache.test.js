// A client-side cache, which needs CLIENT TRACKING: the client is told that there is none, and told what to do.
//
// By default node-redis takes every error of its handshake, also a wrong password, as a reason to connect again, for
// ever: `connect` settles only where `reconnectStrategy` gives up. Either way the error is told to its `error` event.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createClient } from 'redis-6';

import { isRealRedis, startCluster } from '../instances.js';

const REFUSAL = /^CLIENT TRACKING is not supported by this server \(switch off the client-side cache/;
const CACHE = { ttl: 0, maxEntries: 0 };

describe('a client-side cache, node-redis 6', { skip: isRealRedis && 'a real Redis has CLIENT TRACKING' }, () => {
  let cluster;
  before(async () => { cluster = await startCluster(); });
  after(() => cluster.stop());

  function cachingClient(reconnectStrategy) {
    const { host, port } = cluster.instances[0];
    return createClient({ RESP: 3, socket: { host, port, reconnectStrategy }, clientSideCache: CACHE });
  }

  const isRefusal = (error) => REFUSAL.test(error.message.replace(/^ERR /, ''));

  test('connect fails with the reason where the client may give up', async () => {
    const client = cachingClient(false);
    client.on('error', () => {});
    await assert.rejects(client.connect(), isRefusal);
  });

  test('the error event tells the reason at every attempt', async () => {
    const client = cachingClient(() => 10);
    const told = [];
    const twice = new Promise((resolve) => {
      client.on('error', (error) => { if (told.push(error) === 2) resolve(); });
    });
    client.connect().catch(() => {});
    await twice;
    client.destroy();
    assert.ok(told.every(isRefusal), String(told));
  });

  test('without the cache it connects', async () => {
    const { host, port } = cluster.instances[0];
    const client = createClient({ RESP: 3, socket: { host, port } });
    await client.connect();
    assert.equal(await client.ping(), 'PONG');
    client.destroy();
  });
});
