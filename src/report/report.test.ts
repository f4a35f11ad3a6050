import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test, vi } from 'vitest';
import { expectAccessible } from '../../test/accessible.ts';
import { comparisonPage } from '../../test/comparison-page.ts';
import { SomaError } from '../errors.ts';
import { measure } from '../measure/metrics.ts';
import { compareRuns, comparisonFigures } from './comparison-report.ts';
import { type Figure, writeFigures } from './figure.ts';
import { decimal, percent } from './format.ts';
import { pictureGrid } from './picture-grid.ts';
import { renderRunReport, runFigures } from './run-report.ts';
import { syntheticRun } from './synthetic-run.ts';
import type { PretrainingReport, RunReport } from './types.ts';

const scnn = syntheticRun({ resamples: 200 });
const aeCnn = syntheticRun({
  title: 'AE-CNN',
  name: 'ae',
  seed: 2,
  skill: 4.3,
  spiking: false,
  resamples: 200,
});
const twin = syntheticRun({ title: 'Twin', name: 'twin', seed: 3, skill: 3.6, resamples: 200 });
/** A name that tries every way out of its place. */
const HOSTILE = `</text></svg><script>alert("x")</script>'&amp;<img src=x onerror=alert(1)>`;

/** Marks of one kind that a figure draws, e.g. all `rect` of a heat map. */
function marks(figure: Figure, kind: string): number {
  const groups = figure.svg.matchAll(new RegExp(`<g class="mark-${kind} role-mark[^>]*>(.*?)</g>`, 'gs'));
  return [...groups].reduce(
    (sum, [, inner]) => sum + [...inner.matchAll(/<(path|text|line|rect)\b/g)].length,
    0,
  );
}

/** Fails on anything that runs, loads or links. */
function expectSelfContained(markup: string): void {
  expect(markup.match(/<(script|iframe|object|embed|link|base|foreignObject)\b/gi)).toBeNull();
  const unquoted = markup.replaceAll(/"[^"]*"/g, '""');
  expect(unquoted.match(/<[^>]*\son\w+\s*=/gi)).toBeNull();
  const addresses = [...markup.matchAll(/\b(?:src|href|srcset|action|data)\s*=\s*"([^"]*)"/gi)].map(
    ([, at]) => at,
  );
  for (const address of addresses) expect(address).toMatch(/^(#|data:image\/png;base64,)/);
  expect(markup.match(/@import|url\((?!#)/g)).toBeNull();
}

let figures: Figure[];
const warnings: unknown[] = [];
beforeAll(async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation((...words) => warnings.push(words));
  figures = [...(await runFigures(scnn)), ...(await comparisonFigures(compareRuns([scnn, aeCnn, twin])))];
  warn.mockRestore();
});

test('nothing is said on the terminal while figures are drawn', () => {
  expect(warnings).toEqual([]);
});

test('a run and a comparison have the figures that they have data for', async () => {
  expect((await runFigures(scnn)).map(({ slug }) => slug)).toEqual([
    'training-curves',
    'firing-rates',
    'confusion-matrix',
    'class-f1',
    'roc',
    'reliability',
    'risk-coverage',
  ]);
  expect((await runFigures({ ...aeCnn, test: undefined })).map(({ slug }) => slug)).toEqual([
    'training-curves',
  ]);
  expect((await comparisonFigures(compareRuns([scnn, aeCnn]))).map(({ slug }) => slug)).toEqual([
    'headline',
    'confusion-matrices',
    'class-f1',
    'reliability',
    'risk-coverage',
    'roc',
    'costs',
    'validation-curves',
    'paired-differences',
  ]);
});

const pretraining: PretrainingReport = {
  title: 'auto-encoder',
  parameters: 1_304_483,
  history: [0.03, 0.012, 0.008].map((loss, i) => ({
    ...{ epoch: i + 1, train_loss: 1.1 * loss, train_mae: 0.1 - 0.02 * i, val_loss: loss },
    ...{ val_mae: 0.09 - 0.02 * i, lr: 1e-3, seconds: 20 },
  })),
  epoch: 3,
};

test('a pre-training has its curves, its text and a picture of what it makes again', async () => {
  const run: RunReport = { ...aeCnn, pretraining };
  const drawn = await runFigures(run);
  expect(drawn.map(({ slug }) => slug).slice(0, 2)).toEqual(['pretraining-curves', 'training-curves']);
  expect(marks(drawn[0], 'line')).toBe(4);
  expect(drawn[0].svg).toContain('>handed on, epoch 3: 0.0080</text>');
  expect(drawn[0].description).toContain('validation mean squared error 0.0080, mean absolute error 0.0500');
  const reconstructions = {
    png: 'data:image/png;base64,AAAA',
    classes: ['ba', 'eo'],
    mse: 0.00789,
    mae: 0.061,
  };
  const page = await renderRunReport(run, { reconstructions });
  expectSelfContained(page);
  expect(page).toContain('auto-encoder of 1,304,483 parameters');
  expect(page).toContain('The weights of epoch 3 of 3 were handed on.');
  expect(page).toMatch(/Test images of ba, eo; below .* 0\.0079 and the mean absolute error 0\.0610/);
  expect(await renderRunReport(aeCnn)).not.toContain('id="pretraining"');
  const bad = renderRunReport(run, { reconstructions: { ...reconstructions, png: 'a.png' } });
  await expect(bad).rejects.toThrow(/report, reconstructions: expected a picture/);
});

test('images are put side by side, enlarged, on white', () => {
  const image = (grey: number) => Uint8Array.of(grey, grey + 1);
  const rows = [
    [image(10), image(20)],
    [image(30), image(40)],
  ];
  const { width, height, pixels } = pictureGrid(rows, { width: 2, height: 1, channels: 1 }, 2);
  expect([width, height]).toEqual([4 + 4 + 4, 2 + 4 + 2]);
  const line = (y: number) => [...pixels.subarray(y * width, (y + 1) * width)];
  const white = [255, 255, 255, 255];
  expect(line(1)).toEqual([10, 10, 11, 11, ...white, 20, 20, 21, 21]);
  expect(line(3)).toEqual(new Array(width).fill(255));
  expect(line(6)).toEqual([30, 30, 31, 31, ...white, 40, 40, 41, 41]);
});

test('every figure is well-formed, has a size, and says what it shows', async () => {
  for (const { svg, slug, title, description } of figures) {
    const { width, height, format } = await sharp(Buffer.from(svg)).metadata();
    expect(format, slug).toBe('svg');
    expect(width, slug).toBeGreaterThan(300);
    expect(width, slug).toBeLessThan(1000);
    expect(height, slug).toBeGreaterThan(80);
    expect(svg).toMatch(
      /^<svg[^>]* viewBox="0 0 [^>]* role="img" aria-label="[^"]+" aria-describedby="[^"]+">/,
    );
    expect(svg).toContain(`<desc id="${slug}-description">`);
    expect(title.length).toBeGreaterThan(5);
    expect(description.length, slug).toBeGreaterThan(40);
    expectSelfContained(svg);
  }
});

test('the confusion matrix draws a cell for each pair of classes, its counts and shares', () => {
  const figure = figures.find(({ slug }) => slug === 'confusion-matrix')!;
  const { confusion } = scnn.test!.metrics;
  expect(marks(figure, 'rect')).toBe(64);
  const filled = confusion.flat().filter((count) => count > 0).length;
  expect(marks(figure, 'text')).toBe(2 * filled);
  expect(figure.svg).toContain(`>${confusion[1][1]}</text>`);
  expect(figure.description).toMatch(/Most frequent confusions: .+ as .+ \(\d+\)/);
});

test('confidence: what the diagram and the curve say is what was measured', () => {
  const reliability = figures.find(({ slug }) => slug === 'reliability')!;
  const { ece, aurc } = scnn.test!.metrics;
  expect(reliability.description).toContain(`expected calibration error ${percent(ece.value)}`);
  const risk = figures.find(({ slug }) => slug === 'risk-coverage')!;
  expect(risk.description).toContain(`area under the curve ${decimal(aurc.value, 4)}`);
  expect(risk.description).toContain(`${percent(1 - scnn.test!.metrics.accuracy.value)} at 100`);
});

test('curves: two lines a panel and again enlarged, the best epoch named with what validation had, a curve for each class and one for chance', () => {
  const curves = figures.find(({ slug }) => slug === 'training-curves')!;
  expect(marks(curves, 'line')).toBe(8);
  const best = scnn.history[scnn.bestEpoch - 1];
  expect(curves.svg).toContain(`>best epoch ${best.epoch}: ${decimal(best.val_loss, 3)}</text>`);
  expect(curves.svg).toContain(`>${percent(best.val_accuracy)}</text>`);
  expect(curves.svg.match(/>from epoch \d+ on, enlarged</g)).toHaveLength(2);
  expect(curves.description).toContain(`Best epoch ${scnn.bestEpoch}`);
  const rates = figures.find(({ slug }) => slug === 'firing-rates')!;
  expect(marks(rates, 'line')).toBe(3);
  const roc = figures.find(({ slug }) => slug === 'roc')!;
  expect(marks(roc, 'line')).toBe(2 * 8 + 1);
  const auc = scnn.test!.metrics.perClass[4].auc!.value.toFixed(4);
  expect(roc.svg).toMatch(new RegExp(`>lymphocyte\\s+${auc}</text>`));
});

test('intervals: a line and a point for each figure that is compared', () => {
  const [headline, paired] = ['headline', 'paired-differences'].map(
    (name) => figures.find((f) => f.slug === name)!,
  );
  expect(marks(headline, 'symbol')).toBe(9);
  expect(marks(headline, 'rule')).toBe(9);
  expect(marks(paired, 'symbol')).toBe(3);
  expect(paired.svg).toContain('>SCNN − AE-CNN</text>');
});

test('costs: accuracy, parameters and time, each with its number, where two runs were tested', async () => {
  const costs = figures.find(({ slug }) => slug === 'costs')!;
  expect(marks(costs, 'symbol')).toBe(9);
  expect(marks(costs, 'rule')).toBe(3);
  expect(costs.svg).toContain(`>${aeCnn.parameters.toLocaleString('en')}</text>`);
  expect(costs.svg).toContain('>one epoch, s</text>');
  const untested = await comparisonFigures(compareRuns([scnn, { ...aeCnn, test: undefined }]));
  expect(untested.map(({ slug }) => slug)).not.toContain('costs');
});

test('several runs have a panel of ROC curves each, with their AUCs', () => {
  const roc = figures.filter(({ slug }) => slug === 'roc').at(-1)!;
  expect(marks(roc, 'line')).toBeGreaterThanOrEqual(3 * 8);
  for (const run of [scnn, aeCnn, twin]) {
    expect(roc.svg).toMatch(new RegExp(`>${run.system.title}(, upper left corner)?</text>`));
    const { name, auc } = run.test!.metrics.perClass[4];
    expect(roc.svg).toMatch(new RegExp(`>${name}\\s+${decimal(auc!.value, 4)}</text>`));
  }
});

test('figures are written as files of their own', async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'soma-figures-')), 'figures');
  const paths = await writeFigures(folder, figures.slice(0, 2));
  expect(paths).toEqual([join(folder, 'training-curves.svg'), join(folder, 'firing-rates.svg')]);
  expect(await readdir(folder)).toEqual(['firing-rates.svg', 'training-curves.svg']);
  const text = await readFile(paths[0], 'utf8');
  expect(text).toMatch(
    /^<\?xml version="1.0" encoding="UTF-8"\?>\n<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/,
  );
  await rm(folder, { recursive: true });
});

test('a run report is one self-contained page with figures, intervals, settings and protocol', async () => {
  const png = `data:image/png;base64,${(
    await sharp({ create: { width: 2, height: 2, channels: 3, background: '#a06' } })
      .png()
      .toBuffer()
  ).toString('base64')}`;
  const sample = { png, name: 'test/00007', label: 'monocyte', predicted: 'neutrophil', confidence: 0.987 };
  const page = await renderRunReport(scnn, { samples: [sample] });
  expectSelfContained(page);
  const { accuracy, macro } = scnn.test!.metrics;
  const percent = (share: number) => (100 * share).toFixed(2);
  expect(page).toContain(`${percent(accuracy.value)} (${percent(accuracy.low)}–${percent(accuracy.high)})`);
  expect(page).toContain(
    `${macro.f1.value.toFixed(3)} (${macro.f1.low.toFixed(3)}–${macro.f1.high.toFixed(3)})`,
  );
  for (const text of [
    scnn.name,
    scnn.data.fingerprint,
    scnn.environment.cpu,
    '337,806',
    '1.29\u00a0MiB',
    'options.surrogate',
    'fastSigmoid(25)',
    'chosen with the validation images only. The 3,421 test images were read once',
    'lif1 fired in fewer',
    'Image test/00007, monocyte taken for neutrophil',
  ]) {
    expect(page).toContain(text);
  }
  expect(page.match(/<figure id=/g)).toHaveLength(7);
  expect(page.match(/<h1>/g)).toHaveLength(1);
  expect(await renderRunReport(scnn, { samples: [sample] })).toBe(page);
});

test('ids are unique on a page and every reference finds its own', async () => {
  for (const page of [await renderRunReport(scnn), await comparisonPage([scnn, aeCnn])]) {
    expectAccessible(page);
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...page.matchAll(/url\(#([^)]+)\)|aria-describedby="([^"]+)"/g)].map(
      (match) => match[1] ?? match[2],
    );
    expect(references.length).toBeGreaterThan(0);
    for (const reference of references) expect(ids).toContain(reference);
  }
});

test('names, settings and warnings that look like markup stay text', async () => {
  const classes = [HOSTILE, 'b', 'c'];
  const base = syntheticRun({ classes, testCounts: [30, 20, 10], resamples: 50 });
  const hostile: RunReport = {
    ...base,
    name: HOSTILE,
    system: { name: HOSTILE, title: HOSTILE, paper: HOSTILE },
    data: { ...base.data, name: HOSTILE },
    config: { [HOSTILE]: HOSTILE, list: [HOSTILE] },
    environment: { ...base.environment, cpu: HOSTILE },
    history: base.history.map((record) => ({ ...record, rates: { [HOSTILE]: 0.1 } })),
    warnings: [HOSTILE],
  };
  const sample = {
    png: 'data:image/png;base64,AAAA',
    name: HOSTILE,
    label: HOSTILE,
    predicted: 'b',
    confidence: 1,
  };
  for (const page of [
    await renderRunReport(hostile, { samples: [sample] }),
    await comparisonPage([hostile, { ...hostile, name: 'other' }], { title: HOSTILE }),
  ]) {
    expectSelfContained(page);
    expect(page).not.toMatch(/<img src=x/);
    expect(page).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;amp;');
  }
  const bad = renderRunReport(base, { samples: [{ ...sample, png: 'https://example.org/a.png' }] });
  await expect(bad).rejects.toThrow(SomaError);
});

test('says whether validation or the plan of the paper chose the epoch', async () => {
  const last = { ...scnn, keptEpoch: scnn.history.length };
  expect(last.keptEpoch).not.toBe(last.bestEpoch);
  expect(await renderRunReport(last)).toContain(
    `the last, as published (validation was best in epoch ${scnn.bestEpoch})`,
  );
  const both = await comparisonPage([scnn, { ...last, name: 'other' }], { title: 'both' });
  expect(both).toContain('is the last, where its paper has it so');
});

test('a run that has not got far still has a report', async () => {
  const young = await renderRunReport({ ...scnn, history: [], bestEpoch: 0, keptEpoch: 0, test: undefined });
  expect(young).toContain('No epoch has ended yet.');
  expect(young).toContain('The test images have not been read.');
  expect(young).not.toContain('<figure');
  const first = await renderRunReport({
    ...scnn,
    history: scnn.history.slice(0, 1),
    bestEpoch: 1,
    keptEpoch: 1,
    test: undefined,
  });
  expect(first).toContain('id="training-curves"');
});

test('absent classes, perfect predictions and very many classes are drawn', async () => {
  const perfect = { classes: ['a', 'b', 'c'], labels: Int32Array.of(0, 0, 1), names: ['1', '2', '3'] };
  const predictions = { ...perfect, scores: Float64Array.of(1, 0, 0, 1, 0, 0, 0, 1, 0) };
  const page = await renderRunReport({
    ...scnn,
    test: { predictions, metrics: measure(predictions, { resamples: 50 }) },
  });
  expect(page).toContain('100.00 (100.00–100.00)');
  expect(page).not.toContain('NaN');
  const classes = Array.from({ length: 40 }, (_, k) => `a class with a very long name, number ${k}`);
  const many = syntheticRun({ classes, testCounts: classes.map(() => 8), resamples: 20, skill: 3 });
  const drawn = await runFigures(many);
  expect(marks(drawn.find(({ slug }) => slug === 'confusion-matrix')!, 'rect')).toBe(1600);
  expect(drawn.find(({ slug }) => slug === 'class-f1')!.svg).toContain('the 30 lowest of 40 classes');
  expect(drawn.find(({ slug }) => slug === 'roc')!.svg).toContain('AUC, the lowest 8');
});

test('a comparison tests each pair on the same images and says what is noise', async () => {
  const { runs, pairs, notes } = compareRuns([scnn, aeCnn, twin], { seed: 4 });
  expect(runs.map(({ name }) => name)).toEqual(['SCNN', 'AE-CNN', 'Twin']);
  expect(pairs.map(({ first, second }) => `${first}/${second}`)).toEqual([
    'SCNN/AE-CNN',
    'SCNN/Twin',
    'AE-CNN/Twin',
  ]);
  for (const { adjustedP, comparison } of pairs)
    expect(adjustedP).toBeGreaterThanOrEqual(comparison.mcnemar.midP);
  expect(notes).toEqual([`SCNN: ${scnn.warnings[0]}`, `Twin: ${twin.warnings[0]}`]);
  const page = await comparisonPage([scnn, aeCnn, twin], { seed: 4 });
  expectSelfContained(page);
  expect(page).toContain('<h1>SCNN, AE-CNN and Twin on blood-64</h1>');
  expect(page).toContain('AE-CNN is right more often than SCNN, beyond the noise:');
  expect(page).toContain('The difference between SCNN and Twin is inside the noise:');
  expect(page).toContain('<tr class="differs"><th scope="row" class="short">seed</th>');
});

test('runs that cannot be compared are named with the reason', async () => {
  const { predictions, metrics } = scnn.test!;
  const labels = predictions.labels.slice();
  labels[5] = (labels[5] + 1) % 8;
  const relabelled: RunReport = { ...aeCnn, test: { metrics, predictions: { ...predictions, labels } } };
  const untested: RunReport = { ...twin, test: undefined, data: { ...twin.data, fingerprint: 'other' } };
  const { pairs, notes } = compareRuns([scnn, relabelled, untested]);
  expect(pairs).toEqual([]);
  expect(notes.join('\n')).toMatch(/SCNN and AE-CNN cannot be tested as a pair\. .*image test\/00005/);
  expect(notes.join('\n')).toMatch(/Twin has not been tested/);
  expect(notes.join('\n')).toMatch(/did not use the same data/);
  const page = await comparisonPage([scnn, relabelled, untested]);
  expect(page).not.toContain('id="pairs"');
  await expect(comparisonPage([scnn])).rejects.toThrow(SomaError);
});

test('runs of one system are told apart by their names', () => {
  const again = { ...scnn, name: 'second' };
  const names = (runs: RunReport[]) => compareRuns(runs, { resamples: 10 }).runs.map(({ name }) => name);
  expect(names([scnn, again])).toEqual([`SCNN (${scnn.name})`, 'SCNN (second)']);
  expect(names([scnn, scnn])).toEqual([`SCNN (${scnn.name}) #1`, `SCNN (${scnn.name}) #2`]);
});
