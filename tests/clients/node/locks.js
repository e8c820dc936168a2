// The lock programs that an application writes for itself on one server: token lock, retry with back-off, and the
// guarded operation. They use nothing but SET NX EX and a compare-and-delete script, through a client's adapter.
//
// Invariant: a token is minted per attempt and never shared, so a release can only ever remove its own lock.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const COMPARE_AND_DELETE = `
      if redis.call("get", KEYS[1]) == ARGV[1] then
        return redis.call("del", KEYS[1])
      else
        return 0
      end
    `;

/** A lock with a token, on one server. Keys are `lock:NAME`. */
export class SimpleRedisLock {
  constructor(client) {
    this.client = client;
  }

  /** The token, or null when somebody else holds the lock. */
  async acquire(name, ttlSeconds = 10) {
    const token = randomUUID();
    const reply = await this.client.setIfAbsent(`lock:${name}`, token, ttlSeconds);
    return reply === 'OK' ? token : null;
  }

  /** Whether the lock was still held under that token. */
  async release(name, token) {
    const removed = await this.client.evaluate(COMPARE_AND_DELETE, `lock:${name}`, token);
    return removed === 1;
  }

  /**
   * The token, or null after `attempts` refusals. Between two attempts it waits `delayMs * 2^n` and a random part of
   * `jitterMs`; `onWait` is told of every wait.
   */
  async acquireWithRetry(name, { ttlSeconds = 10, attempts = 5, delayMs = 200, jitterMs = 100, onWait } = {}) {
    for (let refusals = 0; refusals < attempts; refusals += 1) {
      const token = await this.acquire(name, ttlSeconds);
      if (token) return token;
      const waitMs = delayMs * 2 ** refusals + Math.random() * jitterMs;
      onWait?.(waitMs);
      await pause(waitMs);
    }
    return null;
  }
}

/**
 * Runs `operation` under the lock. Without the lock the answer is that of `onLockFailed`, or an error when there is
 * none. `warn` is told when the lock was gone at its release.
 */
export async function safeLockedOperation(lock, name, operation, { ttlSeconds = 10, onLockFailed, warn } = {}) {
  const token = await lock.acquire(name, ttlSeconds);
  if (!token) {
    if (onLockFailed) return onLockFailed();
    throw new Error(`Failed to acquire lock: ${name}`);
  }
  try {
    return await operation();
  } finally {
    const isReleased = await lock.release(name, token);
    if (!isReleased) warn?.(`Lock ${name} may have expired before release`);
  }
}
