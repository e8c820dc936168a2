// What each client library says when it connects, and that the server's answers satisfy it.
//
// A recording proxy stands between the two, so the order of commands and the protocol version are read from the wire
// and not from what the library believes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { clients } from '../clients.js';
import { startCluster } from '../instances.js';
import { record } from '../recorder.js';
import { until } from '../wait.js';

/** The commands of the handshake; the place of SETINFO's two halves is free. */
const HANDSHAKES = {
  'ioredis 6': ['HELLO 3', 'CLIENT SETINFO LIB-NAME', 'CLIENT SETINFO LIB-VER', 'INFO'],
  'ioredis 5': ['CLIENT SETINFO LIB-NAME', 'CLIENT SETINFO LIB-VER', 'INFO'],
  'node-redis 6': ['HELLO 3', 'CLIENT SETINFO LIB-NAME', 'CLIENT SETINFO LIB-VER', 'CLIENT MAINT_NOTIFICATIONS ON'],
  'node-redis 4': ['CLIENT SETINFO LIB-NAME', 'CLIENT SETINFO LIB-VER'],
};
const NULL_OF_PROTOCOL = { 2: '$-1\r\n', 3: '_\r\n' };

const fieldsOf = (reply) => {
  if (reply instanceof Map) return Object.fromEntries(reply);
  if (!Array.isArray(reply)) return { ...reply };
  return Object.fromEntries(reply.flatMap((name, at) => (at % 2 ? [] : [[String(name), reply[at + 1]]])));
};

for (const library of clients) {
  describe(`handshake, ${library.name}`, () => {
    let cluster;
    let recording;
    let client;
    before(async () => {
      cluster = await startCluster();
      recording = await record(cluster.instances[0]);
      client = await library.connect(recording.address);
    });
    after(async () => {
      client?.close();
      await recording?.stop();
      await cluster.stop();
    });

    const said = () => recording.commands.map((words) => words.join(' ').toUpperCase());

    test('the handshake is the one this library is known for', async () => {
      const expected = HANDSHAKES[library.name];
      const hasSaid = (start) => said().some((command) => command.startsWith(start));
      await until(`${library.name} has said ${expected.join(', ')}`, () => expected.every(hasSaid));
      if (library.protocol === 3) assert.equal(said()[0], 'HELLO 3');
      else assert.ok(!hasSaid('HELLO'), said().join('; '));
    });

    test('the connection speaks the protocol that was agreed', async () => {
      const key = `lock:handshake:${library.name}`;
      assert.equal(await client.setIfAbsent(key, 'first', 30), 'OK');
      assert.equal(await client.setIfAbsent(key, 'second', 30), null);
      assert.ok(recording.answers.join('').endsWith(NULL_OF_PROTOCOL[library.protocol]), 'the null of a refused SET NX');
    });

    test('HELLO without a version tells the protocol in force', async () => {
      const hello = fieldsOf(await client.command('HELLO'));
      assert.equal(hello.proto, library.protocol);
      assert.equal(hello.role, 'master');
      assert.equal(hello.mode, 'standalone');
      assert.equal(typeof hello.id, 'number');
    });

    test('INFO passes the ready check', async () => {
      const info = String(await client.command('INFO'));
      for (const line of [/^redis_version:\d+\.\d+\.\d+\r?$/m, /^loading:0\r?$/m, /^role:master\r?$/m]) assert.match(info, line);
    });

    test('a library name that was accepted shows in CLIENT INFO', async () => {
      let accepted = true;
      try {
        await client.command('CLIENT', 'SETINFO', 'LIB-NAME', 'quintlock-suite');
      } catch (error) {
        // Servers before 7.2 do not know the subcommand; the libraries live with that.
        assert.match(error.message, /unknown subcommand/i);
        accepted = false;
      }
      const info = String(await client.command('CLIENT', 'INFO'));
      assert.match(info, /^id=\d+ addr=/);
      assert.equal(/ lib-name=quintlock-suite( |$)/m.test(info), accepted);
    });
  });
}
