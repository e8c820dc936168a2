// Spreads a crowd of buyers or workers over several operating system processes and collects their answers.
//
// All processes begin together: each reports that it is connected, and only then does the crowd start.

import { fork } from 'node:child_process';
import { once } from 'node:events';

const WORKER = new URL('./worker.js', import.meta.url);

/** The answers of `people` persons in `processes` processes, each doing `job.task` under `job.guard`. */
export async function crowd(job, { processes, people }) {
  const numbers = Array.from({ length: people }, (_, number) => number);
  const members = Array.from({ length: processes }, (_, process) => ({
    child: fork(WORKER),
    people: numbers.filter((number) => number % processes === process),
  }));
  try {
    await Promise.all(members.map(async ({ child, people: own }) => {
      const ready = nextMessage(child);
      child.send({ ...job, people: own });
      await ready;
    }));
    const answers = members.map(({ child }) => nextMessage(child));
    for (const { child } of members) child.send('go');
    return (await Promise.all(answers)).flat();
  } finally {
    for (const { child } of members) child.kill('SIGKILL');
  }
}

/** How often each answer was given. */
export function tally(answers) {
  const counts = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

async function nextMessage(child) {
  const waiting = new AbortController();
  const { signal } = waiting;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message),
      once(child, 'exit', { signal }).then(([code, name]) => {
        throw new Error(`a process of the crowd ended without an answer (${code ?? name})`);
      }),
    ]);
  } finally {
    waiting.abort();
  }
}
