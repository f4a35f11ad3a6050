/** What analyses found, in the report of a run and in comparisons: what is shown, what is not, and what is asked for. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { expectAccessible } from '../../test/accessible.ts';
import { comparisonPage } from '../../test/comparison-page.ts';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { untrainedRun } from '../../test/untrained-run.ts';
import { openSmear } from '../data/smear/source.ts';
import { type Analyses, keepAnalysis, readAnalyses } from './analyses.ts';
import { measuredAlike } from './analysis-sections.ts';
import { analysisTables } from './analysis-tables.ts';
import { commonRobustness } from './common-robustness.ts';
import { compareRuns, comparisonFigures } from './comparison-report.ts';
import { renderExplanations } from './explain-report.ts';
import { faithfulnessFigures, faithfulnessSection } from './faithfulness-section.ts';
import { percent } from './format.ts';
import { renderRobustness } from './robustness-report.ts';
import { renderRunReport, runFigures } from './run-report.ts';
import { SYNTHETIC_BENCH, syntheticAnalyses } from './synthetic-analyses.ts';
import { syntheticRun } from './synthetic-run.ts';
import type { RunReport } from './types.ts';

const few = { resamples: 20, epochs: 3 };
const scnn: RunReport = {
  ...syntheticRun({ ...few, title: 'SCNN', name: 'scnn' }),
  ...{ path: "runs/it's scnn", analyses: await syntheticAnalyses(), latency: SYNTHETIC_BENCH },
};
const aeCnn: RunReport = {
  ...syntheticRun({ ...few, title: 'AE-CNN', name: 'ae-cnn', seed: 2, spiking: false }),
  ...{ path: 'runs/ae-cnn', analyses: await syntheticAnalyses(0.95, false), latency: SYNTHETIC_BENCH },
};
const sections = (page: string) => [...page.matchAll(/<section id="analysis-(\w+)"/g)].map(([, id]) => id);
const missing = (page: string) =>
  [...page.matchAll(/<li>(.*?): <code>(.*?)<\/code><\/li>/g)].map(([, what, command]) => [what, command]);

describe('the report of a run', () => {
  it('has a section of each analysis, accessible, with its figures and its command', async () => {
    const page = await renderRunReport(scnn);
    expectAccessible(page);
    const all = ['robustness', 'spikes', 'energy', 'explain', 'faithfulness', 'review'];
    expect(sections(page)).toEqual(all);
    expect((await runFigures(scnn)).map(({ slug }) => slug)).toEqual(
      expect.arrayContaining([
        ...[
          'robustness',
          'spike-rates-1',
          'suppression',
          'output-raster',
          'energy',
          'energy-parts',
          'energy-epochs',
        ],
        ...['deletion-insertion', 'heat-on-nucleus', 'label-joint'],
      ]),
    );
    for (const slug of ['spike-rates-1', 'energy', 'label-joint', 'looks-at-1'])
      expect(page).toContain(`<figure id="${slug}">`);
    expect(page).toContain('<img src="data:image/svg+xml;base64,');
    expect(page).toContain('100 images of blood-64, test, corrupted by seed 0');
    expect(page).toContain('soma explain &#39;runs/it&#39;\\&#39;&#39;s scnn&#39; --faithfulness');
    expect(page).not.toMatch(/id="missing"|NaN|undefined/);
  });

  it('names what has not been measured with its command, and asks no dense network for spikes', async () => {
    const page = await renderRunReport({ ...aeCnn, analyses: {}, latency: undefined });
    expect(sections(page)).toEqual([]);
    expect(missing(page).map(([, command]) => command)).toEqual([
      ...['soma robustness runs/ae-cnn', 'soma energy runs/ae-cnn', 'soma explain runs/ae-cnn'],
      'soma explain runs/ae-cnn --faithfulness',
      ...['soma review runs/ae-cnn', 'soma bench runs/ae-cnn'],
    ]);
    const spiking = await renderRunReport({ ...scnn, analyses: {} });
    expect(missing(spiking)[1][1]).toContain('soma spikes');
    // An ensemble has no weights that could be measured.
    expect(await renderRunReport({ ...aeCnn, analyses: undefined })).not.toContain('id="missing"');
  });

  it('has the tables of the commands for other programs', () => {
    const tables = new Map(
      analysisTables([{ name: 'SCNN', run: scnn }]).map((table) => [table.name, table.rows]),
    );
    expect([...tables.keys()]).toEqual([
      ...['bench-latency', 'bench-sizes', 'robustness-accuracy', 'robustness-costs'],
      ...['spikes-spikes', 'spikes-layers', 'spikes-steps', 'spikes-attention'],
      ...['energy-energy', 'energy-layers', 'explain-faithfulness', 'explain-curves'],
    ]);
    expect(tables.get('energy-energy')).toHaveLength(2);
    expect(tables.get('spikes-attention')).toHaveLength(4);
  });
});

describe('a comparison', () => {
  it('sets side by side what was measured alike', async () => {
    const page = await comparisonPage([scnn, aeCnn], few);
    expectAccessible(page);
    expect(sections(page)).toEqual(['robustness', 'spikes', 'energy', 'explain', 'faithfulness']);
    expect(page).toContain('SCNN, AE-CNN: 100 images of blood-64, test, corrupted by seed 0');
    expect(page).toContain('SCNN: 20 images of blood-64, test.');
    expect(page).toContain(' --against runs/ae-cnn --faithfulness</code>');
    expect(page).toMatch(/<th scope="col" class="number">SCNN, dense twin<.*>AE-CNN</);
    const [robust] = (await comparisonFigures(compareRuns([scnn, aeCnn], few))).filter(
      ({ slug }) => slug === 'robustness',
    );
    expect(robust.description).toContain(`AE-CNN: clean ${percent(0.95)}`);
    expect(missing(page)).toEqual([]);
  });

  it('leaves apart what was measured otherwise, and says whose is missing', async () => {
    const { robustness, energy } = aeCnn.analyses ?? {};
    if (!robustness || !energy) throw new Error('nothing to change');
    const analyses: Analyses = {
      robustness: { ...robustness, seed: 7 },
      energy: { ...energy, onChip: 512 },
    };
    const page = await comparisonPage([scnn, { ...aeCnn, analyses, latency: undefined }], few);
    expect(page).toContain(
      'not set beside these: AE-CNN (100 images of blood-64, test, corrupted by seed 7).',
    );
    expect(page).not.toContain('AE-CNN: clean');
    expect(missing(page)).toEqual([
      ['Heat maps of what it looks at (AE-CNN)', 'soma explain runs/ae-cnn'],
      ['Whether heat maps are true to the network (AE-CNN)', 'soma explain runs/ae-cnn --faithfulness'],
      ['Latency, throughput and size (AE-CNN)', 'soma bench runs/ae-cnn'],
    ]);
  });
});

it('of several runs, those that a command cannot keep together are named one by one', async () => {
  const bare = [scnn, aeCnn].map((run) => ({ ...run, path: `runs/${run.name}`, analyses: {} }));
  const commands = missing(await comparisonPage(bare, few)).map(([, command]) => command);
  expect(commands).toEqual([
    ...[
      'soma robustness runs/scnn runs/ae-cnn',
      'soma spikes runs/scnn',
      'soma energy runs/scnn runs/ae-cnn',
    ],
    'soma explain runs/scnn</code>, <code>soma explain runs/ae-cnn',
    'soma explain runs/scnn --against runs/ae-cnn --faithfulness',
  ]);
});

describe('runs of which not the same corruptions were measured', () => {
  const withPoints = (
    run: RunReport,
    wanted: (severity: number, corruption: string) => boolean,
  ): RunReport => {
    const { robustness } = run.analyses ?? {};
    if (!robustness) throw new Error('nothing to change');
    const points = robustness.points.filter(
      ({ severity, corruption }) => severity === 0 || wanted(severity, corruption),
    );
    return { ...run, analyses: { robustness: { ...robustness, points } } };
  };
  const noise = (severity: number, corruption: string) => corruption === 'gaussian-noise' && severity > 1;

  it('are compared on those that all have', async () => {
    const runs = [scnn, withPoints(aeCnn, noise)];
    const page = await comparisonPage(runs, few);
    expect(page).toContain('Only corruptions and severities that were measured of all of these runs');
    // 90 − 15 and 90 − 25 of 100 at severities 3 and 5: 20 points lost.
    expect(page).toMatch(/Gaussian noise<\/th><td class="number">20\.00<\/td><td class="number">20\.00</);
    const named = runs.map((run) => ({ name: run.system.title, run }));
    const table = analysisTables(named).find(({ name }) => name === 'robustness-accuracy');
    expect(table?.rows).toHaveLength(2 * 3);
  });

  it('or not at all', async () => {
    const other = withPoints(scnn, (severity, corruption) => !noise(severity, corruption));
    const page = await comparisonPage([other, withPoints(aeCnn, noise)], few);
    expect(page).toContain('No corruption was measured of all of these runs.');
  });
});

it('the pages of robustness and of explanations can be read, too', async () => {
  const { robustness: found, explain } = scnn.analyses ?? {};
  if (!found || !explain) throw new Error('nothing to show');
  const runs = commonRobustness([{ name: 'SCNN', found }]);
  const strips = [{ corruption: 'jpeg', picture: 'data:image/webp;base64,AAAA' }];
  expectAccessible(await renderRobustness({ ...found, runs, strips }));
  const [faithful] = measuredAlike('faithfulness', [{ name: 'SCNN', run: scnn }]);
  const trusted = [{ name: 'SCNN', result: faithful.found.result }];
  const section = faithfulnessSection(trusted, await faithfulnessFigures(trusted));
  expectAccessible(
    renderExplanations({ ...explain, runs: ['SCNN'], plates: [explain.plate], sections: [section] }),
  );
});

describe('keepAnalysis()', async () => {
  const folder = await temporaryFolder();
  const dataset = openSmear({ size: 16, images: { train: 8, val: 8, test: 8 } });
  const { run, config, session } = await untrainedRun(folder, dataset, 'ae-cnn', {});
  session.close();
  const { robustness } = await syntheticAnalyses();
  if (!robustness) throw new Error('nothing to keep');

  it('keeps what is read back, but not what is of other data or other weights', async () => {
    await keepAnalysis(run, config, 'robustness', robustness, { data: 'elsewhere' });
    const other = config.settings.evaluate === 'best' ? 'last' : 'best';
    await keepAnalysis(run, config, 'robustness', robustness, { weights: other });
    expect(await readAnalyses(run, 0)).toEqual({});
    await keepAnalysis(run, config, 'robustness', robustness, { weights: config.settings.evaluate });
    expect(await readAnalyses(run, 0)).toEqual({ robustness });
  });

  it('forgets what a run was before it went on learning, and names a broken file', async () => {
    expect(await readAnalyses(run, 2)).toEqual({});
    const file = run.file('analyses/robustness.json');
    const whole = await readFile(file, 'utf8');
    await writeFile(file, whole.replace('"points"', '"dots"'));
    await expect(readAnalyses(run, 0)).rejects.toThrow(/got Invalid input.* at points; delete it/);
    await writeFile(file, whole.replace(/"form":\d+/, '"form":0'));
    expect(await readAnalyses(run, 0)).toEqual({});
    await writeFile(file, whole.slice(0, 40));
    await expect(readAnalyses(run, 0)).rejects.toThrow(/robustness\.json: expected what an analysis left/);
    await rm(run.file('analyses'), { recursive: true });
    await writeFile(run.file('analyses'), 'in the way');
    await expect(keepAnalysis(run, config, 'robustness', robustness)).rejects.toThrow(
      /analyses: expected a place that can be written/,
    );
  });
});
