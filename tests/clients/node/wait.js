// Waiting for a condition with a deadline: the only way in which these suites wait for a server.
//
// No test is right because a pause was long enough. A condition that never comes true fails with its own description.

import { setTimeout as pause } from 'node:timers/promises';

const DEADLINE_MS = 30_000;
const POLL_MS = 5;

/** Resolves with the first truthy value of `condition`; rejects when the deadline passes first. */
export async function until(description, condition, deadlineMs = DEADLINE_MS) {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${description}`);
    await pause(POLL_MS);
  }
}
