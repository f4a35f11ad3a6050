// Soma side by side with its peers.
//
//   npm run build
//   node bench/run.mjs training [scnn …]      a table of bench/workloads.mjs, or the workloads that start with these words
//   node bench/run.mjs systems [vgg …]        every system as published
//   node bench/run.mjs roofline               what the machine can do, and the share that the kernels reach
//   node bench/render.mjs                     writes the tables into docs/performance.md
//
// --python P       an interpreter with bench/peers/requirements.txt (default: python3)
// --old-python P   another one with another PyTorch, as a further contestant (e.g. Debian's python3-torch)
// --rounds N       turns of each contestant (default: what the workload says, or 6)
// --only TEXT      contestants whose name has it (repeatable)
// --all            every variant, which is how the best settings were found
//
// Writes build/bench/<table>.json; a workload that is run again replaces its rows there.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { contestants } from './contestants.mjs';
import { interleave } from './interleave.mjs';
import { roofline } from './roofline.mjs';
import { TABLES } from './workloads.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    'old-python': { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string', multiple: true },
    all: { type: 'boolean', default: false },
  },
});
const [table, ...prefixes] = positionals;
const folder = new URL('../build/bench/', import.meta.url);
mkdirSync(folder, { recursive: true });

function say(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}

const facts = {
  date: new Date().toISOString(),
  commit: commit(),
  command: `node bench/run.mjs ${process.argv.slice(2).join(' ')}`,
  cpu: cpus()[0].model,
  processors: availableParallelism(),
};

function save(document) {
  writeFileSync(new URL(`${table}.json`, folder), `${JSON.stringify(document, null, 1)}\n`);
}

function printRows({ name, rows }) {
  const ours = rows.find((row) => row.name === 'Soma')?.median;
  console.log(`\n${name}`);
  for (const row of rows) {
    if (row.failure) console.log(`  ${row.name.padEnd(38)} cannot run: ${row.failure}`);
    else
      console.log(
        `  ${row.name.padEnd(38)} ${row.median.toFixed(2).padStart(9)} ms (${row.p25.toFixed(2)}–${row.p75.toFixed(2)})` +
          `${ours ? `  ${(row.median / ours).toFixed(2).padStart(6)} ×` : ''}` +
          `  peak ${row.peak_mib.toFixed(0)} MiB, ${(row.peak_mib - row.idle_mib).toFixed(0)} over idle` +
          `${row.others > 0.1 ? `  (others had ${(100 * row.others).toFixed(0)} % of a processor)` : ''}` +
          `${row.rates ? `  rates ${row.rates.slice(0, 2).join(' ')}` : ''}`,
      );
  }
}

if (table === 'roofline') {
  save({ ...facts, ...(await roofline(prefixes)) });
} else if (TABLES[table]) {
  const file = new URL(`${table}.json`, folder);
  let done = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).workloads : [];
  const wanted = TABLES[table].filter(
    ({ name }) => prefixes.length === 0 || prefixes.some((prefix) => `${name} `.startsWith(`${prefix} `)),
  );
  for (const workload of wanted) {
    const { python, 'old-python': oldPython, only, all } = values;
    const list = contestants(workload, { python, oldPython, only, all });
    const rows = await interleave(list, Number(values.rounds ?? workload.rounds ?? 6), say);
    say('');
    const result = { ...workload, ...facts, rows };
    const kept = done.filter(({ name }) => name !== workload.name);
    const order = TABLES[table].map(({ name }) => name);
    done = [...kept, result].toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
    save({ table, workloads: done });
    printRows(result);
  }
} else {
  console.error(`bench: expected ${Object.keys(TABLES).join(', ')} or roofline, got ${table ?? 'nothing'}`);
  process.exitCode = 2;
}
