// The client libraries under test, each as its makers ship it, behind the few verbs that a lock needs.
//
// An adapter only translates argument order; it adds no retry, no default and no error handling of its own.
// `native` is the library's own object, for lock libraries that are built on it.

const OFFLINE = {
  // A call to a server that is down fails at once, as a Redlock vote needs, while the client goes on reconnecting.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  retryStrategy: () => 200,
};

function ioredis(major, load) {
  return {
    name: `ioredis ${major}`,
    protocol: major >= 6 ? 3 : 2,
    isCallbackStyle: true,
    async connect(address) {
      const client = await this.open(address, {});
      await new Promise((resolve, reject) => {
        client.once('ready', resolve);
        client.once('error', reject);
      });
      return overIoredis(client);
    },
    /** A client that may not be connected yet; a server that is down shows as a failed call. */
    async connectLazily(address) {
      const client = await this.open(address, OFFLINE);
      client.on('error', () => {});
      await new Promise((resolve) => {
        client.once('ready', resolve);
        client.once('close', resolve);
      });
      return overIoredis(client);
    },
    async open({ host, port }, options) {
      const { default: Redis } = await load();
      return new Redis({ host, port, ...options });
    },
  };
}

function overIoredis(client) {
  return {
    native: client,
    forRedlock: client,
    setIfAbsent: (key, token, ttlSeconds) => client.set(key, token, 'EX', ttlSeconds, 'NX'),
    evaluate: (script, key, token) => client.eval(script, 1, key, token),
    read: (key) => client.get(key),
    exists: (key) => client.exists(key),
    ttlMs: (key) => client.pttl(key),
    remove: (key) => client.del(key),
    command: (...words) => client.call(...words),
    close: () => client.disconnect(),
  };
}

function nodeRedis(major, load) {
  return {
    name: `node-redis ${major}`,
    protocol: major >= 6 ? 3 : 2,
    isCallbackStyle: false,
    async connect(address) {
      const client = await this.open(address, {});
      client.on('error', () => {});
      await client.connect();
      return overNodeRedis(client);
    },
    async connectLazily(address) {
      const client = await this.open(address, { disableOfflineQueue: true });
      let settle;
      const settled = new Promise((resolve) => { settle = resolve; });
      client.on('error', () => settle());
      client.connect().then(() => settle(), () => settle());
      await settled;
      return overNodeRedis(client);
    },
    async open({ host, port }, options) {
      const { createClient } = await load();
      return createClient({ socket: { host, port, reconnectStrategy: 200 }, ...options });
    },
  };
}

function overNodeRedis(client) {
  return {
    native: client,
    forRedlock: asRedlockExpects(client),
    setIfAbsent: (key, token, ttlSeconds) => client.set(key, token, { NX: true, EX: ttlSeconds }),
    evaluate: (script, key, token) => client.eval(script, { keys: [key], arguments: [token] }),
    read: (key) => client.get(key),
    exists: (key) => client.exists(key),
    ttlMs: (key) => client.pTTL(key),
    remove: (key) => client.del(key),
    command: (...words) => client.sendCommand(words),
    close: () => (client.destroy ? client.destroy() : client.disconnect()),
  };
}

/** Redlock 5 calls `evalsha(sha, count, words)`; node-redis spells the same command another way. */
function asRedlockExpects(client) {
  const split = (count, words) => ({
    keys: words.slice(0, count),
    arguments: words.slice(count).map(String),
  });
  return {
    evalsha: (sha, count, words) => client.evalSha(sha, split(count, words)),
    eval: (script, count, words) => client.eval(script, split(count, words)),
  };
}

/** Every client library, newest first. */
export const clients = [
  ioredis(6, () => import('ioredis-6')),
  ioredis(5, () => import('ioredis-5')),
  nodeRedis(6, () => import('redis-6')),
  nodeRedis(4, () => import('redis-4')),
];

/** The library of that name. */
export function clientNamed(name) {
  const client = clients.find((candidate) => candidate.name === name);
  if (!client) throw new Error(`no client library is called ${name}`);
  return client;
}
