// What a suite found out about each lock library: a line of JSON for each, from which the README's table is made.
//
// Nothing that changes from one run to the next may stand in a line: the file is compared with the one that is
// committed. Scripts are therefore counted by their text; how often they ran is printed only.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const PINS = JSON.parse(readFileSync(new URL('./package.json', import.meta.url))).dependencies;

/** Name and version of the package that package.json pins under `pin`. */
export function pinned(pin) {
  const spelled = PINS[pin];
  if (!spelled) throw new Error(`package.json pins no ${pin}`);
  const alias = /^npm:(.+)@([^@]+)$/.exec(spelled);
  return alias ? { name: alias[1], version: alias[2] } : { name: pin, version: spelled };
}

/** The texts of all scripts that a recording heard. */
export function scriptsIn(commands) {
  const texts = new Set();
  for (const [name, first, second] of commands) {
    if (/^eval(_ro)?$/i.test(name)) texts.add(first);
    if (/^script$/i.test(name) && /^load$/i.test(first)) texts.add(second);
  }
  return [...texts];
}

/** How the server runs each of the scripts; `call` sends a request to it. */
export async function explain(scripts, call) {
  const lua = [];
  for (const text of scripts) {
    await call('SCRIPT', 'LOAD', Buffer.from(text, 'latin1'));
    const sha1 = createHash('sha1').update(text, 'latin1').digest('hex');
    const answer = await call('SCRIPT', 'EXPLAIN', sha1);
    const fields = Array.isArray(answer) ? answer : Object.entries(answer).flat();
    const field = (name) => String(fields[fields.indexOf(name) + 1]);
    if (field('runs') !== 'native') lua.push({ text, reason: field('reason') });
  }
  return { native: scripts.length - lua.length, lua };
}

/** How many scripts a server has run so far, by either way. */
export async function runsSoFar(call) {
  const info = String(await call('INFO', 'stats'));
  const count = (name) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? NaN);
  return { native: count('scripts_run_natively'), lua: count('scripts_run_in_lua') };
}

/** Writes the lines to the file that CLIENT_RESULTS names, if it names one. */
export function write(lines) {
  const file = process.env.CLIENT_RESULTS;
  if (!file) return;
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}
