import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '../csv.ts';
import { measure } from '../measure/metrics.ts';
import { compareRuns } from './comparison-report.ts';
import { comparisonTables, metricsTables } from './result-tables.ts';
import { syntheticRun } from './synthetic-run.ts';
import {
  interval,
  plain,
  resultTable,
  tableCsv,
  tableMarkdown,
  tablesJson,
  tablesMarkdown,
  writeTables,
} from './tables.ts';

const rows = [
  { name: 'a|b, "c"', accuracy: { value: 0.95235, low: 0.9, high: 1 }, epochs: 3 },
  { name: 'two\nlines', accuracy: null, epochs: null },
];
const table = resultTable('runs', 'The runs.', rows, [
  plain('run', 'run', ({ name }) => name),
  interval('accuracy', 'accuracy, %', ({ accuracy }) => accuracy),
  plain('epochs', 'epochs', ({ epochs }) => epochs),
]);

describe('a table', () => {
  it('is read by people in Markdown, whatever stands in its cells', () => {
    expect(tableMarkdown(table).split('\n')).toEqual([
      '| run | accuracy, % | epochs |',
      '| --- | --- | --- |',
      '| a\\|b, "c" | 95.23 (90.00–100.00) | 3 |',
      '| two lines | – | – |',
    ]);
  });

  it('has its figures in full in CSV, an interval in three columns', () => {
    expect(parseCsv(tableCsv(table), 'runs')).toEqual([
      ['run', 'accuracy', 'accuracy_low', 'accuracy_high', 'epochs'],
      ['a|b, "c"', '0.95235', '0.9', '1', '3'],
      ['two\nlines', '', '', '', ''],
    ]);
  });

  it('is a list of objects in JSON', () => {
    expect(tablesJson([table])).toEqual({
      runs: [
        { run: 'a|b, "c"', accuracy: { value: 0.95235, low: 0.9, high: 1 }, epochs: 3 },
        { run: 'two\nlines', accuracy: null, epochs: null },
      ],
    });
  });

  it('is written in the forms that are asked for', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'soma-tables-'));
    expect(await writeTables(join(folder, 'report'), 'Both', [table], [])).toEqual([]);
    await writeTables(join(folder, 'report'), 'Both', [table], ['md', 'csv', 'json']);
    expect(await readdir(folder)).toEqual(['report-runs.csv', 'report.json', 'report.md']);
    expect(await readFile(join(folder, 'report.md'), 'utf8')).toBe(tablesMarkdown('Both', [table]));
    expect(tablesMarkdown('Both', [table, { ...table, rows: [] }])).toMatch(
      /^# Both\n\nThe runs\.\n\n\| run /,
    );
  });
});

describe('tables of results', () => {
  const [scnn, aeCnn] = [
    syntheticRun({ resamples: 50 }),
    syntheticRun({ name: 'ae', seed: 2, resamples: 50 }),
  ];

  it('have every figure that was measured', () => {
    const { predictions } = scnn.test ?? {};
    if (!predictions) throw new Error('not tested');
    const metrics = measure(predictions, { resamples: 50 });
    const { figures, classes, confusion } = tablesJson(metricsTables(metrics));
    expect(figures.find(({ figure }) => figure === 'macro F1')?.value).toEqual(metrics.macro.f1);
    expect(classes.map((row) => row.f1)).toEqual(metrics.perClass.map(({ f1 }) => f1));
    expect(confusion.map(({ class: _name, ...counts }) => Object.values(counts))).toEqual(metrics.confusion);
    expect(tableMarkdown(metricsTables(metrics)[1])).toMatch(/\| basophil \| 244 \| 0\.\d{3} \(0/);
  });

  it('have the paired test of a comparison', () => {
    const compared = compareRuns([scnn, aeCnn], { resamples: 50 });
    const { runs, pairs } = tablesJson(comparisonTables(compared));
    expect(runs.map(({ accuracy }) => accuracy)).toEqual(
      [scnn, aeCnn].map(({ test }) => test?.metrics.accuracy),
    );
    const [{ comparison, adjustedP }] = compared.pairs;
    expect(pairs[0]).toMatchObject({ difference: comparison.difference, p: adjustedP });
  });
});
