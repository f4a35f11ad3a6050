/** The path that a user walks: synthesise, check, train both systems, evaluate, compare, predict. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCsv } from '../src/csv.ts';
import type { Faithfulness, RankingFigures } from '../src/explain/faithfulness.ts';
import { METHOD_NAMES } from '../src/explain/methods.ts';
import { SYSTEMS } from '../src/models/registry.ts';
import { readSafetensors } from '../src/train/safetensors.ts';
import { json, soma, start } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const at = (...parts: string[]) => join(folder, ...parts);

beforeAll(async () => {
  const counts = ['--train', '96', '--val', '24', '--test', '40'];
  await json('data', 'synth', at('smear'), '--size', '16', ...counts, '--seed', '3');
}, 60_000);

describe('data', () => {
  it('synth writes images and masks', () => {
    expect(readdirSync(at('smear')).sort()).toEqual(['masks', 'test', 'train', 'val']);
    expect(readdirSync(at('smear', 'train'))).toHaveLength(8);
  });

  it('check counts, and finds what was broken by hand', async () => {
    const clean = await json('data', 'check', at('smear'));
    expect(clean.ok).toBe(true);
    expect(clean.splits.train.images).toBe(96);
    const { stderr } = await soma('data', 'check', at('smear'));
    expect(stderr).toContain(`next: soma train se-cnn --data ${at('smear')} --size 16\n`);
    const [file] = readdirSync(at('smear', 'train', 'monocyte'));
    const copied = readFileSync(at('smear', 'train', 'monocyte', file));
    mkdirSync(at('broken'));
    for (const label of ['a', 'b']) {
      mkdirSync(at('broken', 'train', label), { recursive: true });
      for (const name of readdirSync(at('smear', 'train', label === 'a' ? 'monocyte' : 'platelet')))
        writeFileSync(
          at('broken', 'train', label, name),
          readFileSync(at('smear', 'train', label === 'a' ? 'monocyte' : 'platelet', name)),
        );
    }
    writeFileSync(at('broken', 'train', 'b', 'same-as-a.png'), copied);
    writeFileSync(at('broken', 'train', 'a', 'text.png'), 'not an image');
    const { code, stdout } = await soma('data', 'check', at('broken'), '--json');
    const report = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(report.faults.map((f: { where: string }) => f.where).join()).toContain('text.png');
    expect(report.identical.some((g: { conflictingLabels: boolean }) => g.conflictingLabels)).toBe(true);
    const text = await soma('data', 'check', at('broken'));
    expect(text.stdout).toContain('CONFLICTING LABELS');
    expect(text.stdout).toContain('cannot be trained on');
    expect(text.stderr).not.toContain('next:');
  });

  it('list names the known sets', async () => {
    expect((await json('data', 'list')).map((d: { name: string }) => d.name)).toContain('bloodmnist');
  });
});

describe('models and plan', () => {
  it('ends quietly where the reader has seen enough', async () => {
    const { child, finished } = start(['models', '--help']);
    child.stdout?.destroy();
    const { code, stderr } = await finished;
    expect([code, stderr]).toEqual([0, '']);
  });

  it('models lists the systems with their parameters', async () => {
    const rows = await json('models');
    expect(rows.map((r: { name: string }) => r.name)).toEqual(Object.keys(SYSTEMS));
    const of = (name: string) => rows.find((r: { name: string }) => r.name === name);
    expect(of('scnn').parameters).toBe(337_806);
    expect(of('se-cnn')).toMatchObject({ parameters: 465_672, total: 466_632, reported: '0.46M' });
    // With the classes that its paper has, as the table of parameters counts.
    expect(of('ms-resnet18')).toMatchObject({ classes: 10, parameters: 11_181_642 });
    expect(of('biasnn').parameters).toBe(11_188_596);
    expect(of('vision-cnn').parameters).toBe(546_688);
    expect(of('attention-cnn3').parameters).toBe(983_384);
    expect(of('neurallnet')).toMatchObject({ classes: 4, parameters: 336_548 });
    const eight = await json('models', '--classes', '8');
    expect(eight.find((r: { name: string }) => r.name === 'neurallnet').parameters).toBe(337_576);
    expect(of('autoclassifier')).toMatchObject({
      total: 2_245_224,
      pretraining: { title: 'auto-encoder', total: 1_306_947 },
    });
    expect((await soma('models')).stdout).toMatch(/^ +auto-encoder +trained first .* 1,306,947 /m);
  });

  it('plan shows steps, MACs and the peak memory, and measures them when asked', async () => {
    const plan = await json('plan', 'scnn', '--size', '16', '--batch-size', '4', '--profile');
    expect(plan.steps.some((s: { ops: string[] }) => s.ops.join('+') === 'conv2d+maxPool2d+relu')).toBe(true);
    expect(plan.steps.every((s: { milliseconds: number }) => s.milliseconds >= 0)).toBe(true);
    expect(plan.peak).toBeGreaterThan(plan.memory.arena);
    const { stdout } = await soma('plan', 'ae-cnn', '--evaluate', '--size', '16');
    expect(stdout).toMatch(/peak memory of a step [\d.]+\s[KM]iB/);
  });

  it('plan shows a pre-training, its transposed convolutions and their kernels', async () => {
    const { stdout } = await soma('plan', 'autoclassifier');
    expect(stdout).toMatch(/2,242,280 parameters, of which 1,590,696 are trained/);
    expect(stdout).toMatch(/trained first: the auto-encoder, 1,305,987 parameters, see --pretraining/);
    const { name, parameters, trained, steps } = await json('plan', 'autoclassifier', '--pretraining');
    expect([name, parameters, trained]).toEqual(['pre-train autoclassifier', 1_305_987, 1_305_987]);
    const [up] = steps.filter((s: { layer: string }) => s.layer === 'decoder.deconv1');
    expect(up).toMatchObject({ ops: ['conv2dGradInput'], results: ['f32[64×128×8×8]'] });
    expect(up.kernel).toMatch(/direct|winograd/);
    const none = await soma('plan', 'scnn', '--pretraining');
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/expected a system that has one, got scnn/);
  });

  it('plan shows which steps run more than once, and counts all of their work', async () => {
    const plan = await json('plan', 'scnn', '--size', '16', '--batch-size', '4');
    const { first, end, count } = plan.loop;
    expect(count).toBe(4);
    const runs = plan.steps.map((step: { runs: number }) => step.runs);
    expect(runs.slice(first, end).every((n: number) => n === count)).toBe(true);
    expect(runs.slice(end).every((n: number) => n === 1)).toBe(true);
    const conv2 = plan.steps.find((s: { layer: string; macs: number }) => s.layer === 'conv2' && s.macs > 0);
    expect(conv2.macs).toBe(4 * 10 * (8 * 8 * 64 * 128 * 9));
    const { stdout } = await soma('plan', 'se-cnn', '--size', '64', '--batch-size', '16');
    expect(stdout).toMatch(/^conv1 +conv2d .* again /m);
  });
});

describe('bench', () => {
  const small = ['--size', '16', '--batch-size', '3', '--seconds', '0.02', '--threads', '2'];

  it('measures the systems that are named, with what they ran on', async () => {
    const result = await json('bench', 'scnn', 'ae-cnn', ...small, '--set', 'lr=0.01');
    expect(result).toMatchObject({ threads: 2, engine: expect.stringMatching(/native|reference/) });
    expect(result.systems.map((s: { system: string }) => s.system)).toEqual(['scnn', 'ae-cnn']);
    const [scnn, aeCnn] = result.systems;
    expect([scnn.training.batchSize, scnn.single.batchSize, scnn.batch.batchSize]).toEqual([3, 1, 64]);
    for (const { training, single, batch } of [scnn, aeCnn])
      for (const step of [training, single, batch]) {
        const { median, p25, p75, p95, runs } = step.milliseconds;
        expect([p25, median, p75, p95]).toEqual([p25, median, p75, p95].toSorted((a, b) => a - b));
        expect(p25).toBeGreaterThan(0);
        expect(runs).toBeGreaterThanOrEqual(5);
        expect(step.imagesPerSecond).toBeCloseTo((1e3 * step.batchSize) / median, 6);
      }
    expect(scnn.training.memory).toBeGreaterThan(scnn.single.memory);
    expect(scnn.training.rates.lif1).toBeGreaterThan(0);
    expect(aeCnn.training.rates).toEqual({});
  }, 60_000);

  it('prints a table, and says on stderr what it does', async () => {
    const { stdout, stderr, code } = await soma(
      'bench',
      'se-cnn',
      ...small,
      '--format',
      'md',
      '--out',
      at('systems'),
    );
    expect(readFileSync(at('systems', 'tables.md'), 'utf8')).toMatch(/\| se-cnn \| 16 \| 3 \|/);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^se-cnn +16 +3 +[\d.]+\sms +\d+ images\/s/m);
    expect(stderr).toMatch(/2 threads.*\nse-cnn: training step, 3 images\nse-cnn: prediction, 1 image\n/);
  }, 60_000);

  it('takes no data for systems', async () => {
    const { stderr, code } = await soma('bench', 'scnn', '--data', 'smear');
    expect(code).toBe(2);
    expect(stderr).toContain('expected run folders with --data, got scnn');
  });

  it('answers a wrong system with the nearest one', async () => {
    const { stderr, code } = await soma('bench', 'sccn');
    expect(code).toBe(2);
    expect(stderr).toContain('did you mean scnn?');
  });
});

describe('train, evaluate, compare, predict', () => {
  const fixed = [
    '--data',
    at('smear'),
    '--size',
    '16',
    '--epochs',
    '2',
    '--seed',
    '2',
    '--runs-dir',
    at('runs'),
  ];

  beforeAll(async () => {
    const scnn = await json(
      'train',
      'scnn',
      ...fixed,
      '--name',
      'scnn',
      '--set',
      'T=3',
      '--batch-size',
      '16',
    );
    expect(scnn.history).toHaveLength(2);
    expect(scnn.history[0].rates.lif1).toBeGreaterThan(0);
    const aeCnn = await json('train', 'ae-cnn', ...fixed, '--name', 'ae-cnn', '--set', 'optimizer.kind=sgd');
    expect(aeCnn.test.images).toBe(40);
  }, 60_000);

  it('leaves a whole run folder', () => {
    const files = ['config.json', 'metrics.jsonl', 'last.safetensors', 'best.safetensors', 'summary.json'];
    for (const file of [
      ...files,
      'predictions-test.csv',
      'evaluation.json',
      'report.html',
      'figures/roc.svg',
      'figures/errors.svg',
    ])
      expect(existsSync(at('runs', 'scnn', file)), file).toBe(true);
    const config = JSON.parse(readFileSync(at('runs', 'scnn', 'config.json'), 'utf8'));
    expect(config).toMatchObject({
      system: 'scnn',
      seed: 2,
      options: { T: 3, beta: 0.9 },
      settings: { lr: 1e-4 },
    });
    expect(config.data.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    const report = readFileSync(at('runs', 'scnn', 'report.html'), 'utf8');
    expect(report).toContain('<svg');
    expect(report).not.toMatch(/(src|href)="https?:/);
  });

  it('bench measures what a run takes and how large it is, and its report says so', async () => {
    const paths = [at('runs', 'scnn'), at('runs', 'ae-cnn')];
    const tables = ['--out', at('benched'), '--format', 'csv'];
    const small = ['--seconds', '0.02', '--batch-size', '8', '--threads', '1'];
    const benched = await json('bench', ...paths, ...small, ...tables);
    const [, [name, pixels, , median]] = parseCsv(
      readFileSync(at('benched', 'tables-latency.csv'), 'utf8'),
      'latency',
    );
    expect([name, pixels, Number(median)]).toEqual(['scnn', '16', benched[0].single.milliseconds.median]);
    expect(readFileSync(at('benched', 'tables-sizes.csv'), 'utf8')).toContain(
      `\r\nae-cnn,${benched[1].bytes.weights},`,
    );
    for (const [i, { timeSteps, single, batch, bytes, images }] of benched.entries()) {
      const { parameters } = JSON.parse(readFileSync(join(paths[i], 'config.json'), 'utf8'));
      expect(timeSteps).toBe([3, null][i]);
      expect(images).toBe('smear');
      expect([single.batchSize, batch.batchSize]).toEqual([1, 8]);
      expect(single.milliseconds.runs).toBeGreaterThanOrEqual(50);
      expect(single.milliseconds.p95).toBeGreaterThanOrEqual(single.milliseconds.median);
      expect(batch.imagesPerSecond).toBeCloseTo(8e3 / batch.milliseconds.median, 6);
      // Adam has two slots a parameter, plain SGD none.
      expect([bytes.weights, bytes.withSlots]).toEqual([4 * parameters, 4 * parameters * [3, 1][i]]);
      expect(bytes.lastFile).toBe(statSync(join(paths[i], 'last.safetensors')).size);
      expect(bytes.file).toBe(statSync(join(paths[i], 'best.safetensors')).size);
    }
    await json('compare', ...paths, '--out', at('benched.html'));
    const report = readFileSync(at('benched.html'), 'utf8');
    expect(report).toContain('Latency and throughput of the network alone');
    expect(report).toMatch(/[\d.]+\sMB \([\d.]+\sMiB\)/);
    const { code, stderr } = await soma('bench', paths[0], 'scnn');
    expect([code, stderr]).toEqual([2, expect.stringContaining('expected runs alone, got scnn beside')]);
  }, 60_000);

  it('evaluate gives the figures of the training again', async () => {
    const first = JSON.parse(readFileSync(at('runs', 'scnn', 'evaluation.json'), 'utf8'));
    const again = await json('evaluate', at('runs', 'scnn'), '--format', 'json,csv,md');
    expect(again.metrics).toEqual(first.metrics);
    const tables = JSON.parse(readFileSync(at('runs', 'scnn', 'report.json'), 'utf8'));
    expect(tables.figures[0]).toEqual({ figure: 'accuracy', value: first.metrics.accuracy });
    expect(readFileSync(at('runs', 'scnn', 'report-classes.csv'), 'utf8')).toMatch(
      /^class,images,precision,/,
    );
    const last = ['--split', 'val', '--weights', 'last', '--format', 'md'];
    const val = await json('evaluate', at('runs', 'scnn'), ...last);
    expect(val.metrics.images).toBe(24);
    const lines = readFileSync(at('runs', 'scnn', 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const { val_accuracy, val_macro_f1 } = JSON.parse(lines[1]);
    expect(val.metrics.accuracy.value).toBeCloseTo(val_accuracy, 12);
    expect(val.metrics.macro.f1.value).toBeCloseTo(val_macro_f1, 12);
    expect(readFileSync(at('runs', 'scnn', 'evaluation-smear-val-last.md'), 'utf8')).toContain('24 images');
  });

  it('evaluate switches a part off, and leaves the report alone', async () => {
    const before = readFileSync(at('runs', 'ae-cnn', 'evaluation.json'), 'utf8');
    const off = await json('evaluate', at('runs', 'ae-cnn'), '--set', 'attention=false');
    expect(off.metrics.logLoss.value).not.toBe(JSON.parse(before).metrics.logLoss.value);
    expect(readFileSync(at('runs', 'ae-cnn', 'evaluation.json'), 'utf8')).toBe(before);
    const { code, stderr } = await soma('evaluate', at('runs', 'ae-cnn'), '--set', 'atention=false');
    expect(code).toBe(2);
    expect(stderr).toContain('did you mean attention?');
    const weights = await soma('evaluate', at('runs', 'ae-cnn'), '--set', 'evaluate=last');
    expect(weights.code).toBe(2);
    expect(weights.stderr).toMatch(/got a training setting among evaluate=last; --weights chooses/);
  });

  it('evaluate leaves a run with other options, to be compared, not to be gone on with', async () => {
    const out = at('runs', 'ae-cnn-off');
    const off = await json('evaluate', at('runs', 'ae-cnn'), '--set', 'attention=false', '--out', out);
    const [run, config] = ['evaluation.json', 'config.json'].map((name) =>
      JSON.parse(readFileSync(join(out, name), 'utf8')),
    );
    expect(run.metrics).toEqual(off.metrics);
    expect(config.weightsOf).toBe(at('runs', 'ae-cnn'));
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain(
      'tested with attention false, trained with attention true',
    );
    const compared = await json('compare', at('runs', 'ae-cnn'), out, '--out', at('off.html'));
    expect(compared.pairs).toHaveLength(1);
    const again = await json('evaluate', out);
    expect(again.metrics).toEqual(off.metrics);
    const resumed = await soma('train', '--resume', out);
    expect(resumed.code).toBe(2);
    expect(resumed.stderr).toMatch(/expected a run that was trained, got one with the weights of .*ae-cnn;/);
    const val = await soma('evaluate', out, '--split', 'val', '--out', at('val'));
    expect(val.stderr).toMatch(/expected --split test beside --out, got val/);
  }, 60_000);

  it('the reference engine gives the same classes', async () => {
    const native = await json('evaluate', at('runs', 'ae-cnn'));
    const reference = await json('evaluate', at('runs', 'ae-cnn'), '--engine', 'reference');
    expect(reference.metrics.confusion).toEqual(native.metrics.confusion);
    expect(reference.loss).toBeCloseTo(native.loss, 4);
  }, 120_000);

  it('compare tests the runs as a pair', async () => {
    const out = at('comparison.html');
    const both = [at('runs', 'scnn'), at('runs', 'ae-cnn')];
    const compared = await json('compare', ...both, '--out', out, '--format', 'csv');
    expect(compared.pairs).toHaveLength(1);
    expect(compared.pairs[0].adjustedP).toBeGreaterThan(0);
    expect(readFileSync(at('comparison-pairs.csv'), 'utf8')).toMatch(/\r\nscnn,ae-cnn,|\r\nSCNN,AE-CNN,/);
    const wrong = await soma('compare', ...both, '--out', out, '--format', 'xml');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('Expected md, json, csv')]);
    expect(readFileSync(out, 'utf8')).toContain('AE-CNN');
    const figures = ['confusion-matrices.svg', 'costs.svg', 'roc.svg', 'validation-curves.svg'];
    expect(readdirSync(compared.figures)).toEqual(expect.arrayContaining(figures));
  });

  it('robustness keeps what it measured, and sets runs side by side', async () => {
    const lines = () =>
      readFileSync(at('runs', 'scnn', 'robustness.jsonl'), 'utf8')
        .trim()
        .split(/\n+/);
    const only = ['--corruptions', 'jpeg', '--severities', '2,4'];
    const first = await json('robustness', at('runs', 'scnn'), ...only, '--format', 'csv');
    expect(
      readFileSync(at('runs', 'scnn', 'robustness', 'tables-accuracy.csv'), 'utf8')
        .trim()
        .split('\r\n'),
    ).toHaveLength(4);
    const evaluated = JSON.parse(readFileSync(at('runs', 'scnn', 'evaluation.json'), 'utf8'));
    const [{ result }] = first.runs;
    expect(result.clean.value).toBe(evaluated.metrics.accuracy.value);
    expect(result.corruptions[0].accuracies.map((a: { severity: number }) => a.severity)).toEqual([2, 4]);
    expect(lines()).toHaveLength(3);
    expect(readFileSync(at('runs', 'scnn', 'robustness', 'robustness.html'), 'utf8')).toContain('JPEG');

    const both = [at('runs', 'scnn'), at('runs', 'ae-cnn'), '--severities', '2', '--out', at('robustness')];
    const { runs, report } = await json('robustness', ...both, '--corruptions', 'occlusion,jpeg');
    expect(runs.map((run: { name: string }) => run.name)).toEqual(['scnn', 'ae-cnn']);
    expect(runs[0].result.corruptions[1].mean).toBe(result.corruptions[0].accuracies[0].value);
    expect(lines()).toHaveLength(4);
    expect(existsSync(report)).toBe(true);
    const page = readFileSync(report, 'utf8');
    expect(page.match(/data:image\/webp/g)).toHaveLength(2);
    expect(page).not.toMatch(/(src|href)="https?:/);

    const { code, stderr } = await soma('robustness', at('runs', 'scnn'), '--corruptions', 'ocllusion');
    expect([code, stderr]).toEqual([2, expect.stringContaining('did you mean occlusion?')]);
  });

  it('ensemble votes, is measured like a run, and compares like one', async () => {
    const runs = [at('runs', 'scnn'), at('runs', 'ae-cnn')];
    const both = await json(
      'ensemble',
      ...runs,
      '--vote',
      'majority',
      ...['--out', at('runs', 'both'), '--format', 'json'],
    );
    expect(both.metrics.images).toBe(40);
    expect(both.validation.images).toBe(24);
    for (const [i, path] of runs.entries()) {
      const own = JSON.parse(readFileSync(join(path, 'evaluation.json'), 'utf8'));
      expect(both.members[i].test).toBe(own.metrics.accuracy.value);
      const val = await json('evaluate', path, '--split', 'val');
      expect(both.members[i].validation).toBeCloseTo(val.metrics.accuracy.value, 12);
    }
    const { members, figures } = JSON.parse(readFileSync(at('runs', 'both', 'report.json'), 'utf8'));
    expect(members.map(({ test }: { test: number }) => test)).toEqual([
      ...both.members.map(({ test }: { test: number }) => test),
      both.metrics.accuracy.value,
    ]);
    expect(figures[0].value).toEqual(both.metrics.accuracy);
    const report = readFileSync(at('runs', 'both', 'report.html'), 'utf8');
    expect(report).toContain('<h2>Members</h2>');
    expect(report).not.toContain('No epoch has ended yet');

    const out = at('with-ensemble.html');
    const compared = await json('compare', at('runs', 'both'), at('runs', 'scnn'), '--out', out);
    expect(compared.pairs).toHaveLength(1);
    expect(compared.runs[0].run.test.metrics.accuracy).toEqual(both.metrics.accuracy);
    expect(readFileSync(out, 'utf8')).toContain('Ensemble of 2, majority');
  }, 60_000);

  it('ensemble does without validation, and says what does not go together', async () => {
    const runs = [at('runs', 'scnn'), at('runs', 'ae-cnn')];
    const mean = await json('ensemble', ...runs, '--no-validation', '--out', at('runs', 'mean'));
    expect(mean.validation).toBeNull();
    expect(existsSync(at('runs', 'mean', 'predictions-val.csv'))).toBe(false);
    const fails = async (...args: string[]) => {
      const { code, stderr } = await soma('ensemble', ...args);
      expect(code).not.toBe(0);
      return stderr;
    };
    expect(await fails(...runs, '--out', at('runs', 'mean'))).toMatch(/one that holds a run or an ensemble/);
    expect(await fails(runs[0])).toMatch(/expected two or more runs, got 1/);
    expect(await fails(runs[0], runs[0])).toMatch(/scnn twice; name it once/);
    expect(await fails(runs[0], at('runs', 'mean'))).toMatch(/got an ensemble; name one of its members/);
    const table = join(runs[1], 'predictions-test.csv');
    const before = readFileSync(table, 'utf8');
    writeFileSync(table, before.replace(/^(\S+?)\.png/m, '$1-other.png'));
    expect(await fails(...runs, '--no-validation')).toMatch(
      /ae-cnn: expected the same images, .*\.png in row 1, got .*-other\.png/,
    );
    writeFileSync(table, before);
  }, 60_000);

  it('predict gives a probability for each class', async () => {
    const image = at('smear', 'test', 'platelet', readdirSync(at('smear', 'test', 'platelet'))[0]);
    const [result] = await json('predict', at('runs', 'ae-cnn'), image);
    const sum = Object.values<number>(result.probabilities).reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(1, 5);
    expect(Object.keys(result.probabilities)).toHaveLength(8);
  });

  it('predict takes a folder, and counts what it holds', async () => {
    const folder = at('smear', 'test'),
      table = at('tables', 'cells.csv');
    const listed = await json('predict', at('runs', 'ae-cnn'), folder);
    const names = readdirSync(folder)
      .toSorted()
      .flatMap((name) =>
        readdirSync(join(folder, name))
          .toSorted()
          .map((file) => join(folder, name, file)),
      );
    expect(listed.map(({ image }: { image: string }) => image)).toEqual(names);

    const { stdout } = await soma('predict', at('runs', 'ae-cnn'), folder, '--csv', table);
    const [header, ...rows] = parseCsv(readFileSync(table, 'utf8'), table);
    expect(header.slice(0, 3)).toEqual(['name', 'predicted', 'p_basophil']);
    expect(rows.map(([name]) => name)).toEqual(names);
    const { predicted, probabilities } = listed[5];
    expect(rows[5]).toEqual([names[5], predicted, ...Object.values(probabilities).map(String)]);
    const counts = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s{2,}/)),
    );
    for (const name of readdirSync(folder))
      expect(Number(counts[name]), name).toBe(rows.filter(([, said]) => said === name).length);
  }, 60_000);

  it('explain draws what a run looks at, and leaves the maps to compute on', async () => {
    const out = at('explained');
    const { report, methods, images } = await json(
      ...['explain', at('runs', 'scnn'), '--method', 'grad-cam,occlusion', '--per-class', '1', '--steps'],
      ...['--class', 'true', '--out', out],
    );
    expect(methods.map(({ layer }: { layer: string }) => layer)).toEqual(['lif2', 'image']);
    expect(images.map(({ asked }: { asked: string }) => asked)).toEqual(
      images.map(({ truth }: { truth: string }) => truth),
    );
    expect(readdirSync(join(out, 'overlays'))).toHaveLength(16);
    expect(readdirSync(join(out, 'plates'))).toEqual(
      ['each-class-grad-cam-steps', 'each-class'].flatMap((name) => [`${name}.png`, `${name}.svg`]),
    );
    const page = readFileSync(report, 'utf8');
    expect(page.match(/<image /g)?.length).toBeGreaterThan(24);
    expect(page).not.toMatch(/(src|href)="https?:/);
    const { tensors } = await readSafetensors(join(out, 'maps.safetensors'));
    const name = images[0].image;
    const [map, steps] = [`grad-cam/${name}`, `grad-cam/${name}/steps`].map((key) => tensors.get(key));
    expect([map?.shape, steps?.shape]).toEqual([
      [4, 4],
      [3, 4, 4],
    ]);

    const file = at('smear', name);
    const one = await json('explain', at('runs', 'ae-cnn'), file, '--out', at('explained-file'));
    const known = await json('explain', at('runs', 'ae-cnn'), name, '--out', at('explained-name'));
    expect(one.images[0]).toEqual({ ...known.images[0], image: file, truth: null });
    const { code, stderr } = await soma('explain', at('runs', 'ae-cnn'), '--layer', 'konv4');
    expect([code, stderr]).toEqual([2, expect.stringContaining('did you mean conv4?')]);
  });

  it('explain measures how far to trust the maps, and shows who is right where', async () => {
    const out = at('trusted');
    const { faithfulness, against } = await json(
      ...['explain', at('runs', 'ae-cnn'), '--against', at('runs', 'scnn'), '--faithfulness'],
      ...['--images', '6', '--per-class', '1', '--patch', '8', '--out', out, '--format', 'json'],
    );
    const tables = JSON.parse(readFileSync(join(out, 'tables.json'), 'utf8'));
    expect(tables.images).toHaveLength(8);
    expect(tables.faithfulness[0]).toMatchObject({ run: 'ae-cnn', order: 'grad-cam', layer: 'conv4' });
    expect(tables.faithfulness[0].deletion).toEqual(faithfulness[0].result.rankings[0].deletion);
    expect(tables.curves).toHaveLength(33 * tables.faithfulness.length);
    expect(tables.disagreement.map((row: { class: string }) => row.class)).toHaveLength(8);
    const [ours, theirs] = faithfulness.map(({ result }: { result: Faithfulness }) => result);
    const orders = ({ rankings }: Faithfulness) => rankings.map(({ ranking }) => ranking);
    expect(orders(ours)).toEqual(['grad-cam', 'occlusion', 'random', 'centre']);
    expect(orders(theirs)).toEqual([...METHOD_NAMES, 'random', 'centre']);
    for (const { rankings, nucleusArea } of [ours, theirs]) {
      expect(nucleusArea.value).toBeGreaterThan(0.02);
      expect(nucleusArea.value).toBeLessThan(0.5);
      const [first, drawn] = [
        rankings[0],
        rankings.find(({ ranking }: RankingFigures) => ranking === 'random'),
      ];
      // All curves begin at the image and end without it, or the other way round.
      for (const kind of ['deletion', 'insertion'] as const)
        for (const end of [0, 32]) expect(drawn.curves[kind][end]).toBeCloseTo(first.curves[kind][end], 5);
      expect(first.curves.insertion[32]).toBeCloseTo(first.curves.deletion[0], 5);
      expect(drawn.deletionOverRandom).toEqual({ value: 0, low: 0, high: 0 });
      // Heat that says nothing lies on the nucleus by its area.
      expect(drawn.nucleus.heat).toEqual(nucleusArea);
    }
    const [{ result }] = against;
    const counted = Object.values<number>(result.total).reduce((sum, n) => sum + n, 0);
    expect(counted).toBe(40);
    const evaluated = JSON.parse(readFileSync(at('runs', 'ae-cnn', 'evaluation.json'), 'utf8'));
    expect((result.total.both + result.total.first) / 40).toBeCloseTo(evaluated.metrics.accuracy.value, 12);
    const page = readFileSync(join(out, 'explain.html'), 'utf8');
    for (const words of ['How far to trust the maps', 'ae-cnn against scnn']) expect(page).toContain(words);
    expect(readdirSync(join(out, 'figures'))).toEqual(['deletion-insertion.svg', 'heat-on-nucleus.svg']);
  }, 60_000);

  it('starts from the weights of a file, or says what does not fit before it makes a folder', async () => {
    const weights = ['--weights', at('runs', 'ae-cnn', 'best.safetensors')];
    const { code, stderr } = await soma('train', 'ae-cnn', ...fixed, '--name', 'tuned', ...weights);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/weights +16 tensors of .*best\.safetensors\n/);
    const config = JSON.parse(readFileSync(at('runs', 'tuned', 'config.json'), 'utf8'));
    expect(config.weights.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    const report = readFileSync(at('runs', 'tuned', 'report.html'), 'utf8');
    expect(report).toMatch(/first weights<\/t[dh]><td[^>]*>[^<]*best\.safetensors, SHA-256 [0-9a-f]{12}</);
    const other = await soma('train', 'se-cnn', ...fixed, '--name', 'other', ...weights);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/expected bn1\.weight \[32\], .* got no such tensor and \d+ more/);
    expect(existsSync(at('runs', 'other'))).toBe(false);
  }, 60_000);

  it('leaves no run behind where training cannot begin', async () => {
    const narrow = ['--set', 'width=4', '--set', 'T=1', '--size', '16', '--name', 'narrow'];
    const { code, stderr } = await soma(
      'train',
      'biasnn',
      '--data',
      at('smear'),
      '--runs-dir',
      at('runs'),
      ...narrow,
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected a map of more than 4 channels/);
    expect(existsSync(at('runs', 'narrow'))).toBe(false);
  });

  it('refuses data that has changed since', async () => {
    const extra = at('smear', 'train', 'platelet', 'extra.png');
    writeFileSync(
      extra,
      readFileSync(at('smear', 'train', 'platelet', readdirSync(at('smear', 'train', 'platelet'))[0])),
    );
    const { code, stderr } = await soma('evaluate', at('runs', 'scnn'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected the data of the run, fingerprint .*changed since/);
  });
});
