// Runs contestants in turn: all stay alive and take short turns, so that a change of the machine's speed meets all of
// them alike. A turn in which other processes took processor time is taken again. One that cannot start or fails on the
// way is reported with its last words.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** A turn lasts about this long, but for a first run that finds what the last contestant left in the caches: no step of a
 * training does, and it is not counted. */
const TURN_MS = 300;
/** Runs of a turn that count, at least. */
const MIN_RUNS = 2;
/** Between turns the threads of the last contestant stop spinning. */
const PAUSE_MS = 30;
/** A turn counts as disturbed where others had this much of one processor. */
const DISTURBED = 0.1;
/** For so long a disturbed turn is taken again. */
const PATIENCE_MS = 2500;
/** Linux counts processor time in hundredths of a second. */
const MS_A_TICK = 10;

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
  const program = { name, child, lines, errors: () => errors, ms: [], others: [], peak: 0 };
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

/** Clock ticks that all processes have had, and those of one. */
function ticks(pid) {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const own = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { all: user + nice + system + irq + softirq + steal, own: Number(own[11]) + Number(own[12]) };
}

async function attempt(program, count) {
  const before = ticks(program.child.pid);
  const start = performance.now();
  program.child.stdin.write(`${count}\n`);
  const result = await answer(program);
  if (!result) return undefined;
  const after = ticks(program.child.pid);
  const others = after.all - before.all - (after.own - before.own);
  return { ...result, others: Math.max(0, (others * MS_A_TICK) / (performance.now() - start)) };
}

/** One turn; the least disturbed of some attempts where others were busy. */
async function turn(program) {
  const count = 1 + Math.max(MIN_RUNS, Math.min(500, Math.round(TURN_MS / program.ready.warm_ms)));
  const end = performance.now() + PATIENCE_MS;
  let kept;
  while (!kept || (kept.others > DISTURBED && performance.now() < end)) {
    const result = await attempt(program, count);
    if (!result) return;
    if (!kept || result.others < kept.others) kept = result;
  }
  program.ms.push(...kept.ms.slice(1));
  program.peak = kept.peak_mib;
  program.others.push(kept.others);
}

const quantile = (sorted, q) => sorted[Math.round(q * (sorted.length - 1))];

function row({ name, ready, ms, others, peak, failure }) {
  if (failure) return { name, failure };
  const sorted = ms.toSorted((a, b) => a - b);
  const [median, p25, p75, p95] = [0.5, 0.25, 0.75, 0.95].map((q) => quantile(sorted, q));
  const { versions, rates, idle_mib } = ready;
  return {
    name,
    median,
    p25,
    p75,
    p95,
    runs: ms.length,
    peak_mib: peak,
    idle_mib,
    rates,
    others: Math.max(...others),
    versions,
  };
}

/** A network with other parameters is another network, and not to be timed beside ours. */
function compareParameters(programs) {
  const [first] = programs.flatMap(({ ready }) => ready?.parameters ?? []);
  for (const program of programs) {
    const { parameters } = program.ready ?? {};
    if (parameters === undefined || parameters === first) continue;
    program.failure = `${parameters} parameters where the first contestant has ${first}`;
    program.child.kill();
  }
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
  compareParameters(programs);
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
