// The two generations of the redlock package behind one set of verbs, so that each test runs on both.
//
// `times` is short: a refused lock is refused within a second. The verbs translate names only.

const RETRY = { driftFactor: 0.01, retryCount: 3, retryDelay: 50, retryJitter: 20 };

const five = {
  name: 'redlock 5',
  async over(deployment, settings = {}) {
    const { default: Redlock, ExecutionError } = await import('redlock-5');
    const redlock = new Redlock(deployment.forRedlock5, { ...RETRY, ...settings });
    return {
      redlock,
      refusal: ExecutionError,
      acquire: (keys, ttlMs) => redlock.acquire(keys, ttlMs),
      extend: (lock, ttlMs) => lock.extend(ttlMs),
      release: (lock) => lock.release(),
      tokenOf: (lock) => lock.value,
    };
  },
};

const four = {
  name: 'redlock 4',
  async over(deployment, settings = {}) {
    const { default: Redlock } = await import('redlock-4');
    const redlock = new Redlock(deployment.forRedlock4, { ...RETRY, ...settings });
    return {
      redlock,
      refusal: Redlock.LockError,
      acquire: (keys, ttlMs) => redlock.lock(keys, ttlMs),
      extend: (lock, ttlMs) => lock.extend(ttlMs),
      release: (lock) => lock.unlock(),
      tokenOf: (lock) => lock.value,
    };
  },
};

/** The redlock generations that run on a client library: version 4 needs clients with callbacks. */
export function redlocksFor(library) {
  return library.isCallbackStyle ? [five, four] : [five];
}

/** Redlock 5, the only one with `using`. */
export const redlock5 = five;
