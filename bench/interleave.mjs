// Runs contestants in turn: all stay alive and take short turns, so that a change of the machine's speed meets all of
// them alike. One that cannot start or fails on the way is reported with its last words.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** A turn lasts about this long, or one run. */
const TURN_MS = 300;
/** Between turns the threads of the last contestant stop spinning. */
const PAUSE_MS = 30;

function start({ name, command, env, failure }) {
  if (failure) return { name, failure };
  const [file, ...args] = command;
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors = (errors + text).slice(-4000);
  });
  child.on('error', (error) => {
    errors += error.message;
  });
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const program = { name, child, lines, errors: () => errors, ms: [], peak: 0 };
  return program;
}

/** The next document that a contestant says; undefined, and `failure` set, where it has ended. */
async function answer(program) {
  for (;;) {
    const { value, done } = await program.lines.next();
    if (done) {
      program.failure = program.errors().trim().split('\n').at(-1) || 'ended without a word';
      return undefined;
    }
    // Libraries may print too.
    if (value.startsWith('{')) return JSON.parse(value);
  }
}

async function turn(program) {
  const count = Math.max(1, Math.min(500, Math.round(TURN_MS / program.ready.warm_ms)));
  program.child.stdin.write(`${count}\n`);
  const result = await answer(program);
  if (!result) return;
  program.ms.push(...result.ms);
  program.peak = result.peak_mib;
}

const quantile = (sorted, q) => sorted[Math.round(q * (sorted.length - 1))];

function row({ name, ready, ms, peak, failure }) {
  if (failure) return { name, failure };
  const sorted = ms.toSorted((a, b) => a - b);
  const [median, p25, p75, p95] = [0.5, 0.25, 0.75, 0.95].map((q) => quantile(sorted, q));
  const { versions, rates, idle_mib } = ready;
  return { name, median, p25, p75, p95, runs: ms.length, peak_mib: peak, idle_mib, rates, versions };
}

/** Starts all, lets them take `rounds` turns each, and returns a row for each with times in milliseconds. */
export async function interleave(contestants, rounds, say) {
  const programs = [];
  const stop = () => {
    for (const { child } of programs) child?.kill();
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  for (const contestant of contestants) {
    say(`${contestant.name}: starting`);
    const program = start(contestant);
    programs.push(program);
    if (!program.failure) program.ready = await answer(program);
  }
  for (let i = 0; i < rounds; i++)
    for (const program of programs) {
      if (program.failure) continue;
      say(`${program.name}: round ${i + 1} of ${rounds}`);
      await turn(program);
      await sleep(PAUSE_MS);
    }
  for (const { child } of programs) child?.stdin.end();
  process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  return programs.map(row);
}
