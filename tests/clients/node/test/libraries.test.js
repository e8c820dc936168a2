// Every lock library of libraries.js does the same six things, each with servers of its own: acquire, contention,
// extend, release, a wrong token, expiry. What it did, and how its scripts ran, is a line of the results.
//
// A proxy in front of each server hears the library's scripts; the tests look at the keys past the proxy. A test that
// a library lacks is no test: the line says why.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { clientNamed } from '../clients.js';
import { connectFive } from '../five.js';
import { isRealRedis, startCluster } from '../instances.js';
import { leftOut, libraries, open } from '../libraries.js';
import { record } from '../recorder.js';
import { explain, pinned, runsSoFar, scriptsIn, write } from '../results.js';
import { until } from '../wait.js';

const FOREIGN = 'the token of somebody else';
const TTL_MS = 20_000;
const SHORT_TTL_MS = 400;

const lines = leftOut.map(({ pin, part, reason }) => {
  const { name, version } = pinned(pin);
  return { language: 'Node.js', library: name, part, version, left_out: reason };
});
after(() => write(lines));

for (const library of libraries) {
  const { name: packageName, version } = pinned(library.pin);
  const client = pinned(library.client);
  const title = [packageName, version, library.part].filter(Boolean).join(' ');
  describe(`${title} on ${client.name} ${client.version}`, () => {
    let cluster;
    let recordings;
    let servers;
    let users = [];
    let runsBefore;
    const passed = [];

    before(async () => {
      cluster = await startCluster();
      recordings = await Promise.all(cluster.instances.map(record));
      servers = await connectFive(clientNamed('ioredis 5'), cluster.instances);
      runsBefore = await runs();
      const addresses = recordings.map(({ address }) => address);
      users = await Promise.all([open(library, addresses), open(library, addresses)]);
    });
    after(async () => {
      users.forEach((user) => user.close());
      try {
        if (!isRealRedis && servers) await tell();
      } finally {
        servers?.close();
        await Promise.all((recordings ?? []).map((recording) => recording.stop()));
        await cluster.stop();
      }
    });

    async function runs() {
      const each = await Promise.all(servers.connections.map(({ command }) => runsSoFar(command)));
      return each.reduce((sum, { native, lua }) => ({ native: sum.native + native, lua: sum.lua + lua }));
    }

    /** Writes the library's line, and checks that the two ways of counting agree. */
    async function tell() {
      const texts = scriptsIn(recordings.flatMap(({ commands }) => commands));
      const scripts = await explain(texts, servers.connections[0].command);
      const now = await runs();
      const [native, lua] = [now.native - runsBefore.native, now.lua - runsBefore.lua];
      assert.equal(native > 0, scripts.native > 0, `${native} native runs of ${scripts.native} native scripts`);
      assert.equal(lua > 0, scripts.lua.length > 0, `${lua} runs in Lua of ${scripts.lua.length} scripts`);
      console.log(`${title}: ${native} script runs natively, ${lua} in Lua`);
      for (const { text, reason } of scripts.lua) console.log(`in Lua, ${reason}:\n${text}`);
      lines.push({
        language: 'Node.js',
        library: packageName,
        part: library.part,
        version,
        client: `${client.name} ${client.version}`,
        passed,
        lacks: library.lacks,
        scripts: texts.length,
        native: scripts.native,
        lua: scripts.lua.map(({ reason }) => reason),
      });
    }

    /** A test that the library may lack; passing it goes into its line. */
    function shows(what, body) {
      if (library.lacks[what]) return;
      test(what, async () => {
        const name = `order:${randomUUID()}`;
        await body(name, library.nameOf(name));
        passed.push(what);
      });
    }

    const values = (key) => servers.values(key, library.servers);
    const ttlsMs = async (key) => (await servers.ttlsMs(key)).slice(0, library.servers);
    const untilHeldOn = (key, count) => until(
      `${key} is held on ${count}`,
      async () => (await servers.held(key, library.servers)) === count,
    );
    const setAll = (...words) => Promise.all(
      servers.connections.slice(0, library.servers).map(({ command }) => command(...words)),
    );

    shows('acquire', async (name, key) => {
      assert.ok(await users[0].acquire(name, TTL_MS));
      await untilHeldOn(key, library.servers);
      const tokens = new Set(await values(key));
      assert.equal(tokens.size, 1, 'one token on all servers');
      for (const ttlMs of await ttlsMs(key)) assert.ok(ttlMs > 0 && ttlMs <= TTL_MS, `ttl ${ttlMs} ms`);
    });

    shows('contention', async (name, key) => {
      const held = await users[0].acquire(name, TTL_MS);
      await untilHeldOn(key, library.servers);
      const tokens = await values(key);
      let isGranted = false;
      const second = users[1].acquire(name, 10 * TTL_MS).then((lock) => {
        isGranted = lock !== null;
        return lock;
      });
      if (library.waitsForEver) {
        const asked = () => recordings[0].commands.filter(([word, where]) => /^set$/i.test(word) && where === key).length;
        await until('it has asked three times more', () => asked() >= 4);
      } else {
        assert.equal(await second, null);
      }
      assert.equal(isGranted, false);
      assert.deepEqual(await values(key), tokens, 'the refused attempt changed nothing');
      for (const ttlMs of await ttlsMs(key)) assert.ok(ttlMs <= TTL_MS, `ttl ${ttlMs} ms`);
      await users[0].release(held);
      if (library.waitsForEver) await users[1].release(await second);
    });

    shows('extend', async (name, key) => {
      if (library.extendsItself) {
        const held = await users[0].acquire(name, TTL_MS, { refreshMs: 20 });
        await setAll('PEXPIRE', key, TTL_MS / 2);
        await until('every ttl is long again', async () => (await ttlsMs(key)).every((ttlMs) => ttlMs > TTL_MS / 2));
        await users[0].release(held);
        return;
      }
      const held = await users[0].acquire(name, TTL_MS);
      await untilHeldOn(key, library.servers);
      assert.notEqual(await users[0].extend(held, 10 * TTL_MS), false);
      await until('every ttl is longer', async () => (await ttlsMs(key)).every((ttlMs) => ttlMs > TTL_MS && ttlMs <= 10 * TTL_MS));
    });

    shows('release', async (name, key) => {
      const held = await users[0].acquire(name, TTL_MS);
      await untilHeldOn(key, library.servers);
      assert.notEqual(await users[0].release(held), false);
      await untilHeldOn(key, 0);
      const next = await users[1].acquire(name, TTL_MS);
      assert.ok(next, 'a lock that was released can be had');
      await users[1].release(next);
      await untilHeldOn(key, 0);
    });

    shows('wrong token', async (name, key) => {
      const held = await users[0].acquire(name, TTL_MS);
      await untilHeldOn(key, library.servers);
      await setAll('SET', key, FOREIGN, 'PX', TTL_MS);
      if (users[0].extend) assert.ok(!(await users[0].extend(held, 10 * TTL_MS)), 'the holder is told that it lost the lock');
      await users[0].release(held);
      assert.deepEqual(await values(key), Array(library.servers).fill(FOREIGN));
      for (const ttlMs of await ttlsMs(key)) assert.ok(ttlMs > 0 && ttlMs <= TTL_MS, `ttl ${ttlMs} ms`);
    });

    shows('expiry', async (name, key) => {
      const late = await until('a short lock is taken in time', () => users[0].acquire(name, SHORT_TTL_MS));
      await untilHeldOn(key, 0);
      const next = await users[1].acquire(name, TTL_MS);
      assert.ok(next, 'an expired lock can be had');
      await untilHeldOn(key, library.servers);
      const tokens = await values(key);
      await users[0].release(late);
      assert.deepEqual(await values(key), tokens, 'a late release takes nothing from the next holder');
      await users[1].release(next);
    });
  });
}
