// What every contestant in Node says on its standard output, one JSON document a line; peers/protocol.py is the same
// in Python. First { versions, idle_mib, warm_ms, … } when it is ready; then for each line "K" on standard input, K
// runs and { ms: [K times], peak_mib }. Memory is the peak since the warm-up began, in MiB; `idle_mib` is what the
// process held with its libraries loaded, before it built anything.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

function statusMib(key) {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`${key}:\\s+(\\d+)`));
  return Number(line[1]) / 1024;
}

/** Resident memory now; the peak is counted anew from here. */
export function idleMib() {
  writeFileSync('/proc/self/clear_refs', '5');
  return statusMib('VmRSS');
}

/** What takes longer than this is warm after one run. */
const SLOW_MS = 3000;

async function timed(run) {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Warms up, then runs on demand until standard input ends. */
export async function serve(run, idle, versions, facts = {}) {
  let warm = await timed(run);
  for (let i = 1; i < 3 && warm < SLOW_MS; i++) warm = await timed(run);
  const more = typeof facts === 'function' ? facts() : facts;
  console.log(JSON.stringify({ versions, idle_mib: idle, warm_ms: warm, ...more }));
  for await (const line of createInterface({ input: process.stdin })) {
    const ms = [];
    for (let i = 0; i < Number(line); i++) ms.push(await timed(run));
    console.log(JSON.stringify({ ms, peak_mib: statusMib('VmHWM') }));
  }
}
