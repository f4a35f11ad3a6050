/** How runs were made: data, configuration, machine, size and cost. The same tables for one run and for many. */
import { SPLITS } from '../data/dataset.ts';
import { relabellingText } from '../data/relabel.ts';
import { splittingText } from '../data/split.ts';
import { bytes, duration, imageShape, median, NONE, whole } from './format.ts';
import { type Html, type HtmlValue, html } from './html.ts';
import { latencyTable, sizeTable } from './latency.ts';
import { type Column, type Row, resultBlock, table } from './page.ts';
import type { RunReport } from './types.ts';

/** A run under the name that it has in this report. */
export interface NamedRun {
  readonly name: string;
  readonly run: RunReport;
}

/** Images of each class in each split. */
export function dataTable({ data }: RunReport): Html {
  const rows = data.classes.map((name, k) => ({
    cells: [name, ...SPLITS.map((split) => whole(data.counts[split][k]))],
  }));
  const total = { cells: ['all', ...SPLITS.map((split) => whole(sum(data.counts[split])))] };
  const names = { train: 'training', val: 'validation', test: 'test' };
  return table(
    html`Images of each class in each split of ${data.name}, read as ${imageShape(data)}. ${data.splitting && splittingText(data.splitting)} ${data.relabelling && relabellingText(data.relabelling)} Fingerprint (SHA-256): <code>${data.fingerprint}</code>`,
    [{ title: 'class' }, ...SPLITS.map((split) => ({ title: names[split], number: true }))],
    rows,
    [total],
  );
}

/** Every setting of every run; with several runs, the settings in which they differ come first, in bold. */
export function configurationTable(runs: readonly NamedRun[]): Html {
  const settings = runs.map(({ run }) => new Map(flatten(run.config)));
  const keys = [...new Set(settings.flatMap((map) => [...map.keys()]))];
  return comparedTable(
    'Configuration, as resolved from defaults, files and options.',
    'setting',
    runs,
    keys.map((key) => [key, settings.map((map) => map.get(key) ?? NONE)]),
  );
}

/** Versions, processor, threads, engine. */
export function environmentTable(runs: readonly NamedRun[]): Html {
  const facts = ({ environment: e }: RunReport): [string, string][] => [
    ['Soma', e.soma],
    ['Node', e.node],
    ['processor', e.cpu],
    ['logical processors', String(e.cores)],
    ['threads used', String(e.threads)],
    ['engine', e.engine],
    ['instruction set', e.isa],
  ];
  const columns = runs.map(({ run }) => facts(run));
  return comparedTable(
    'Software and machine.',
    'what',
    runs,
    columns[0].map(([key], i) => [key, columns.map((column) => column[i][1])]),
  );
}

/** Parameters, sizes, time and memory, one run a row. */
export function costTable(runs: readonly NamedRun[]): Html {
  return table(
    'Size and cost. Time of an epoch: median, validation included. Step memory is what the plan of one training step needs; resident memory is the most that the process held.',
    [
      { title: 'run' },
      ...[
        'parameters',
        'weights',
        'checkpoint',
        'epochs',
        'epoch',
        'training',
        'step memory',
        'resident',
      ].map((title) => ({ title, number: true })),
    ],
    runs.map(({ name, run }) => {
      const seconds = run.history.map((record) => record.seconds);
      return {
        cells: [
          name,
          whole(run.parameters),
          bytes(run.sizes.weightsBytes),
          bytes(run.sizes.fileBytes),
          seconds.length,
          seconds.length > 0 ? duration(median(seconds)) : NONE,
          seconds.length > 0 ? duration(sum(seconds)) : NONE,
          run.sizes.peakBytes > 0 ? bytes(run.sizes.peakBytes) : NONE,
          run.sizes.residentBytes > 0 ? bytes(run.sizes.residentBytes) : NONE,
        ],
      };
    }),
  );
}

/** What `soma bench` measured of the runs; nothing where it was not asked. */
export function latencyTables(runs: readonly NamedRun[]): HtmlValue {
  const benched = runs.flatMap(({ name, run: { latency } }) => (latency ? [{ name, bench: latency }] : []));
  if (benched.length === 0) return null;
  return [resultBlock(latencyTable(benched)), resultBlock(sizeTable(benched))];
}

/** One row a key, one column a run; rows in which the runs differ first and in bold. */
function comparedTable(
  caption: string,
  heading: string,
  runs: readonly NamedRun[],
  entries: readonly (readonly [key: string, values: readonly string[]])[],
): Html {
  const columns: Column[] = [{ title: heading }];
  if (runs.length === 1) columns.push({ title: 'value' });
  else columns.push(...runs.map(({ name }) => ({ title: name })));
  const rows = entries.map(([key, values]): Row => {
    return { cells: [key, ...values], differs: values.some((value) => value !== values[0]) };
  });
  const sorted = [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)];
  const note = runs.length > 1 ? ' Rows in which the runs differ come first, in bold.' : '';
  return table(caption + note, columns, sorted);
}

/** Nested settings as dotted keys with their values as text; lists stay whole, undefined is left out. */
export function flatten(config: Readonly<Record<string, unknown>>, prefix = ''): [string, string][] {
  return Object.entries(config).flatMap(([key, value]): [string, string][] => {
    const name = prefix + key;
    if (value === undefined) return [];
    if (value === null) return [[name, 'none']];
    if (Array.isArray(value)) return [[name, `[${value.map(plain).join(', ')}]`]];
    if (typeof value === 'object') {
      const inner = flatten(value as Record<string, unknown>, `${name}.`);
      return inner.length > 0 ? inner : [[name, '{}']];
    }
    return [[name, plain(value)]];
  });
}

function plain(value: unknown): string {
  return typeof value === 'object' ? (JSON.stringify(value) ?? NONE) : String(value);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
