// Renders what bench/run.mjs measured as tables, into docs/performance.md between its markers
// <!-- bench:NAME --> … <!-- /bench -->. A table that was not measured stays as it is.
//
//   node bench/render.mjs            rewrites the page
//   node bench/render.mjs training   prints one table
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { SPIKING } from './workloads.mjs';

const page = new URL('../docs/performance.md', import.meta.url);

function load(name) {
  const file = new URL(`../build/bench/${name}.json`, import.meta.url);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

const markdown = ([header, ...rows]) =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const milliseconds = (ms) => (ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2));
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
const overIdle = ({ peak_mib, idle_mib }) => peak_mib - idle_mib;
const ratesText = (rates) => (rates ? rates.slice(0, 2).map(percent).join(', ') : '–');
/** Marks a figure that others on the machine may have spoilt. */
const mark = ({ others }) => (others > 0.3 ? ' †' : '');
const isOurs = ({ name }) => name === 'Soma';

/** The fastest row of those that ran and fit. */
function fastest(rows, fits = () => true) {
  return rows
    .filter((row) => !row.failure && !isOurs(row) && fits(row))
    .toSorted((a, b) => a.median - b.median)[0];
}

function leanest(rows) {
  return rows.filter((row) => !row.failure && !isOurs(row)).toSorted((a, b) => overIdle(a) - overIdle(b))[0];
}

/** What was measured, but for what a table varies. */
function heading({ name, task, system, size, batch, steps, threads }, varied) {
  const what = task === 'train' ? 'training step' : 'predictions';
  const parts = {
    size: `${size} px`,
    batch: `batch ${batch}`,
    steps: SPIKING.includes(system) && `T = ${steps}`,
    threads: `${threads} threads`,
  };
  const said = Object.entries(parts).filter(([key, part]) => part && key !== varied);
  return `**${name}**: ${what}, ${said.map(([, part]) => part).join(', ')}`;
}

/** Words that say where and when the workloads of a table were measured. */
function provenance(workloads) {
  const once = (key) => [...new Set(workloads.map((w) => w[key]))].join(', ');
  const days = [...new Set(workloads.map(({ date }) => date.slice(0, 10)))].join(', ');
  // Two versions of PyTorch take part, each with its Python.
  const versions = new Map();
  const rows = workloads.flatMap((workload) => workload.rows);
  for (const [name, version] of rows.flatMap((row) => Object.entries(row.versions ?? {}))) {
    versions.set(name, (versions.get(name) ?? new Set()).add(version));
  }
  const list = [...versions].map(([name, all]) => `${name} ${[...all].join(' and ')}`).join(', ');
  return `*${once('cpu')}, ${once('processors')} processors, ${days}, commit ${once('commit')}; ${list}.*`;
}

function full({ workloads }) {
  const parts = workloads.map((workload) => {
    const ours = workload.rows.find(isOurs);
    const rows = workload.rows.map((row) => {
      if (row.failure) return [row.name, `cannot run: ${row.failure}`, '', '', '', ''];
      const bold = (text) => (isOurs(row) ? `**${text}**` : text);
      return [
        bold(row.name),
        `${bold(milliseconds(row.median))} (${milliseconds(row.p25)}–${milliseconds(row.p75)})${mark(row)}`,
        ours?.median ? `${(row.median / ours.median).toFixed(2)} ×` : '–',
        row.peak_mib.toFixed(0),
        bold(overIdle(row).toFixed(0)),
        ratesText(row.rates),
      ];
    });
    const header = [
      '',
      'ms',
      'against Soma',
      'peak MiB',
      'over idle',
      'rates of the first two neuron layers',
    ];
    // Networks without neurons have no rates to show.
    const width = rows.some((row) => !['–', ''].includes(row[5])) ? 6 : 5;
    return `${heading(workload)}\n\n${markdown([header, ...rows].map((row) => row.slice(0, width)))}`;
  });
  return [...parts, provenance(workloads)].join('\n\n');
}

/** One line a workload: the best peer, and the best of each library that matters for it. */
function summary(tables) {
  const families = ['PyTorch', 'snnTorch', 'SpikingJelly', 'ONNX Runtime'];
  const rows = tables.flatMap(({ workloads }) =>
    workloads.map((workload) => {
      const ours = workload.rows.find(isOurs);
      const times = families.map((family) => {
        const peer = fastest(workload.rows, ({ name }) =>
          name.toLowerCase().startsWith(family.toLowerCase().replace(' ', '').slice(0, 4)),
        );
        return peer ? `${(peer.median / ours.median).toFixed(1)} ×` : '–';
      });
      const lean = leanest(workload.rows);
      return [
        `${workload.name}${workload.task === 'infer' ? ', predictions' : ''}`,
        `${milliseconds(ours.median)} ms${mark(ours)}`,
        ...times,
        lean ? `${(overIdle(lean) / overIdle(ours)).toFixed(1)} ×` : '–',
      ];
    }),
  );
  return markdown([['', 'Soma', ...families.map((name) => `${name} takes`), 'leanest peer needs'], ...rows]);
}

/** How the cost grows: one table a system, Soma beside the best peer. */
function growth(key, { workloads }) {
  const systems = [...new Set(workloads.map(({ system }) => system))];
  const parts = systems.map((system) => {
    const own = workloads.filter((workload) => workload.system === system);
    const withRates = own.some(({ rows }) => rows.some(({ rates }) => rates));
    const rows = own.map((workload) => {
      const ours = workload.rows.find(isOurs);
      const peer = fastest(workload.rows);
      const lean = leanest(workload.rows);
      return [
        `${workload[key]}`,
        `${milliseconds(ours.median)} ms${mark(ours)}`,
        `${((1e3 * workload.batch) / ours.median).toFixed(0)}`,
        `${milliseconds(peer.median)} ms${mark(peer)}, ${peer.name}`,
        `${(peer.median / ours.median).toFixed(2)} ×`,
        `${overIdle(ours).toFixed(0)} / ${overIdle(lean).toFixed(0)}`,
        ...(withRates ? [`${ratesText(ours.rates)} / ${ratesText(peer.rates)}`] : []),
      ];
    });
    const header = [key, 'Soma', 'images/s', 'best peer', 'ratio', 'MiB over idle, leanest peer'];
    return `${heading({ ...own[0], name: system }, key)}\n\n${markdown([withRates ? [...header, 'rates, Soma / peer'] : header, ...rows])}`;
  });
  return [...parts, provenance(workloads)].join('\n\n');
}

/** One line a system: Soma beside the best peer. */
function bySystem({ workloads }) {
  const rows = workloads.map((workload) => {
    const { name, size, batch, steps } = workload;
    const ours = workload.rows.find(isOurs);
    const peer = fastest(workload.rows);
    const spiking = SPIKING.includes(name);
    const what = `${size} px, ${batch}${spiking ? `, T = ${steps}` : ''}`;
    const time = (row) =>
      `${milliseconds(row.median)} (${milliseconds(row.p25)}–${milliseconds(row.p75)})${mark(row)}`;
    const failed = workload.rows.find(({ failure }) => failure);
    if (ours.failure || !peer) return [name, what, `cannot run: ${failed.failure}`, '', '', '', ''];
    return [
      name,
      what,
      time(ours),
      `${time(peer)}, ${peer.name}`,
      `**${(peer.median / ours.median).toFixed(2)} ×**`,
      `${overIdle(ours).toFixed(0)} / ${overIdle(leanest(workload.rows)).toFixed(0)}`,
      spiking ? `${ratesText(ours.rates)} / ${ratesText(peer.rates)}` : '–',
    ];
  });
  const header = ['', 'images', 'Soma, ms', 'best peer, ms', 'ratio', 'MiB over idle', 'rates, Soma / peer'];
  return [markdown([header, ...rows]), provenance(workloads)].join('\n\n');
}

function roofline({ machine, systems, cpu, date, commit }) {
  const ceilings = markdown([
    ['threads', 'multiply-adds, GFLOP/s', 'read, GB/s', 'triad, GB/s'],
    ...machine.threads.map((row) => [row.threads, row.gflops, row.read_gbs, row.triad_gbs].map(String)),
  ]);
  const kernels = systems.map(({ system, size, batch, ms, kernels: rows }) => {
    const cells = rows.map((k) => [
      k.layer || '–',
      k.ops.join(' + '),
      milliseconds(k.ms),
      k.gflops > 0 ? `${k.gflops.toFixed(0)} (${percent(k.ofPeak)})` : '–',
      `${k.gbs.toFixed(1)} (${percent(k.ofBandwidth)})`,
    ]);
    const header = ['layer', 'step', 'ms', 'GFLOP/s, of the peak', 'GB/s, of reading'];
    return `**${system}**, ${size} px, batch ${batch}: ${milliseconds(ms)} ms\n\n${markdown([header, ...cells])}`;
  });
  return [ceilings, ...kernels, `*${cpu}, ${date.slice(0, 10)}, commit ${commit}.*`].join('\n\n');
}

const GROWTH = ['batch', 'steps', 'size', 'gain', 'threads'];

function render(name) {
  if (name === 'summary') {
    const tables = ['training', 'inference'].map(load);
    return tables.every(Boolean) ? summary(tables) : undefined;
  }
  const document = load(name === 'gain' ? 'rate' : name);
  if (!document) return undefined;
  if (name === 'roofline') return roofline(document);
  if (name === 'systems') return bySystem(document);
  return GROWTH.includes(name) ? growth(name, document) : full(document);
}

const [only] = process.argv.slice(2);
if (only) console.log(render(only) ?? `not measured: node bench/run.mjs ${only}`);
else {
  const text = readFileSync(page, 'utf8').replace(
    /(<!-- bench:(\w+) -->\n)[\s\S]*?(<!-- \/bench -->)/g,
    (all, open, name, close) => {
      const table = render(name);
      return table ? `${open}\n${table}\n\n${close}` : all;
    },
  );
  writeFileSync(page, text);
}
