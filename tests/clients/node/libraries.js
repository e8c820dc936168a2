// The lock libraries under test, each as its makers ship it, behind the few verbs that every lock has.
//
// `open` makes one user of the library over five servers, of which a library for a single server takes the first. An
// adapter only translates names and turns the library's way to say "refused" into null or false: which errors those
// are is listed, and any other error passes. `lacks` tells what a library does not do, and what it does instead.

import { once } from 'node:events';
import { promisify } from 'node:util';

const connectIoredis = (load) => async ({ host, port }) => {
  const { default: Redis } = await load();
  const client = new Redis({ host, port });
  await once(client, 'ready');
  return { client, close: () => client.disconnect() };
};

const connectNodeRedis = (load) => async ({ host, port }) => {
  const { createClient } = await load();
  const client = createClient({ socket: { host, port } });
  client.on('error', () => {});
  await client.connect();
  return { client, close: () => (client.destroy ? client.destroy() : client.disconnect()) };
};

/** The client packages by the name under which package.json pins them. */
const connects = {
  'ioredis-4': connectIoredis(() => import('ioredis-4')),
  'ioredis-5': connectIoredis(() => import('ioredis-5')),
  'ioredis-6': connectIoredis(() => import('ioredis-6')),
  'redis-4': connectNodeRedis(() => import('redis-4')),
  'redis-6': connectNodeRedis(() => import('redis-6')),
  async 'redis-3'({ host, port }) {
    const { default: redis } = await import('redis-3');
    const client = redis.createClient({ host, port });
    await once(client, 'ready');
    return { client, close: () => client.end(false) };
  },
};

/** A call's answer, or `answer` when it failed with an error of one of the names. */
async function unless(names, answer, call) {
  try {
    return await call();
  } catch (error) {
    if (names.includes(error.name) || names.includes(error.code)) return answer;
    throw error;
  }
}

const ATTEMPTS = { retryCount: 1, retryDelay: 20, retryJitter: 5 };

/** Redlock 4, 5 and the fork of 5 differ in the names of two verbs and of the error. */
function redlock({ pin, client, load, refusal, verbs }) {
  return {
    pin,
    client,
    servers: 5,
    async user(clients) {
      const Redlock = await load();
      const manager = new Redlock(clients, ATTEMPTS);
      manager.on?.('error', () => {});
      return {
        acquire: (key, ttlMs) => unless([refusal], null, () => manager[verbs.acquire]([key], ttlMs)),
        extend: (lock, ttlMs) => unless([refusal], false, () => lock.extend(ttlMs)),
        release: (lock) => unless([refusal], false, () => lock[verbs.release]()),
      };
    },
  };
}

/** The two mutexes of redis-semaphore, which extend themselves for as long as they are asked to. */
function redisSemaphore(name, servers) {
  return {
    part: name,
    pin: 'redis-semaphore',
    client: 'ioredis-6',
    servers,
    nameOf: (key) => `mutex:${key}`,
    extendsItself: true,
    async user(clients) {
      const { [name]: Mutex } = await import('redis-semaphore');
      return {
        async acquire(key, ttlMs, { refreshMs = 0 } = {}) {
          const options = { lockTimeout: ttlMs, acquireAttemptsLimit: 2, retryInterval: 10, refreshInterval: refreshMs };
          const mutex = new Mutex(servers === 1 ? clients[0] : clients, key, options);
          return (await mutex.tryAcquire()) ? mutex : null;
        },
        release: (mutex) => mutex.release(),
      };
    },
  };
}

function redlockUniversal(name, client, servers) {
  return {
    part: name,
    pin: 'redlock-universal',
    client,
    servers,
    async user(clients) {
      const { createLock, createRedlock, IoredisAdapter, NodeRedisAdapter } = await import('redlock-universal');
      const Adapter = client.startsWith('ioredis') ? IoredisAdapter : NodeRedisAdapter;
      const adapters = clients.map((connection) => new Adapter(connection));
      const lockOf = (key, ttl) => (servers === 1
        ? createLock({ adapter: adapters[0], key, ttl, retryAttempts: 1, retryDelay: 20 })
        : createRedlock({ adapters, key, ttl, retryAttempts: 1, retryDelay: 20 }));
      return {
        async acquire(key, ttlMs) {
          const lock = lockOf(key, ttlMs);
          const handle = await unless(['LockAcquisitionError'], null, () => lock.acquire());
          return handle && { lock, handle };
        },
        extend: ({ lock, handle }, ttlMs) => unless(['LockExtensionError'], false, () => lock.extend(handle, ttlMs)),
        release: ({ lock, handle }) => unless(['LockReleaseError'], false, () => lock.release(handle)),
      };
    },
  };
}

const ioredisLock = {
  pin: 'ioredis-lock',
  client: 'ioredis-4',
  servers: 1,
  async user([client]) {
    const { default: redislock } = await import('ioredis-lock');
    return {
      async acquire(key, ttlMs) {
        const lock = redislock.createLock(client, { timeout: ttlMs, retries: 1, delay: 10 });
        const refused = await unless(['LockAcquisitionError'], 'refused', () => lock.acquire(key));
        return refused ? null : lock;
      },
      extend: (lock, ttlMs) => unless(['LockExtendError'], false, () => lock.extend(ttlMs)),
      release: (lock) => unless(['LockReleaseError'], false, () => lock.release()),
    };
  },
};

const redisLock = {
  pin: 'redis-lock',
  client: 'redis-4',
  servers: 1,
  nameOf: (key) => `lock.${key}`,
  lacks: { extend: 'it has none', 'wrong token': 'it removes whatever it finds, by DEL' },
  /** It knows no refusal: who does not get the lock waits. */
  waitsForEver: true,
  async user([client]) {
    const { default: over } = await import('redis-lock');
    const lock = over(client, 10);
    return { acquire: (key, ttlMs) => lock(key, ttlMs), release: (done) => done() };
  },
};

const warlock = {
  pin: 'node-redis-warlock',
  client: 'redis-3',
  servers: 1,
  nameOf: (key) => `${key}:lock`,
  async user([client]) {
    const { default: over } = await import('node-redis-warlock');
    const manager = over(client);
    const unlock = promisify(manager.unlock);
    return {
      acquire: (key, ttlMs) => new Promise((resolve, reject) => {
        manager.lock(key, ttlMs, (error, isHeld, id) => (error ? reject(error) : resolve(isHeld ? { key, id } : null)));
      }),
      extend: ({ key, id }, ttlMs) => manager.touch(key, id, ttlMs),
      release: ({ key, id }) => unlock(key, id),
    };
  },
};

const verrou = {
  pin: '@verrou/core',
  client: 'ioredis-5',
  servers: 1,
  async user([connection]) {
    const { LockFactory } = await import('@verrou/core');
    const { redisStore } = await import('@verrou/core/drivers/redis');
    const factory = new LockFactory(redisStore({ connection }).factory(), { retry: { attempts: 2, delay: 10 } });
    return {
      async acquire(key, ttlMs) {
        const lock = factory.createLock(key, ttlMs);
        return (await lock.acquire()) ? lock : null;
      },
      extend: (lock, ttlMs) => unless(['E_LOCK_NOT_OWNED'], false, () => lock.extend(ttlMs)),
      release: (lock) => unless(['E_LOCK_NOT_OWNED'], false, () => lock.release()),
    };
  },
};

const NEW_VERBS = { acquire: 'acquire', release: 'release' };

/** Every lock library that runs. */
export const libraries = [
  redlock({
    pin: '@sesamecare-oss/redlock',
    client: 'ioredis-5',
    load: async () => (await import('@sesamecare-oss/redlock')).Redlock,
    refusal: 'ExecutionError',
    verbs: NEW_VERBS,
  }),
  verrou,
  ioredisLock,
  warlock,
  redisLock,
  redisSemaphore('Mutex', 1),
  redisSemaphore('RedlockMutex', 5),
  redlock({
    pin: 'redlock-4',
    client: 'ioredis-6',
    load: async () => (await import('redlock-4')).default,
    refusal: 'LockError',
    verbs: { acquire: 'lock', release: 'unlock' },
  }),
  redlock({
    pin: 'redlock-5',
    client: 'ioredis-6',
    load: async () => (await import('redlock-5')).default,
    refusal: 'ExecutionError',
    verbs: NEW_VERBS,
  }),
  redlockUniversal('createLock', 'redis-6', 1),
  redlockUniversal('createRedlock', 'ioredis-6', 5),
].map((library) => ({ part: '', nameOf: (key) => key, lacks: {}, ...library }));

/** What a package offers beside its locks, and why it does not run. */
export const leftOut = [
  { pin: 'redis-semaphore', part: 'Semaphore, MultiSemaphore', reason: 'they need sorted sets' },
];

/** One user of a library: its verbs over connections of its own, which `close` ends. */
export async function open(library, addresses) {
  const connections = await Promise.all(addresses.slice(0, library.servers).map(connects[library.client]));
  const verbs = await library.user(connections.map(({ client }) => client));
  return { ...verbs, close: () => connections.forEach((connection) => connection.close()) };
}
