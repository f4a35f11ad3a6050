/** `soma study` as a user runs it: killed, resumed, shared by two processes; its figures worked out again. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessible.ts';
import { soma, start, until } from './cli.ts';

const STUDY = {
  name: 'small',
  title: 'Small study',
  question: 'Does the machinery work?',
  data: { cells: 'any' },
  seeds: [0, 1],
  arms: [
    {
      name: 'cnn',
      system: 'cnn-stride2',
      data: 'cells',
      size: 16,
      set: { epochs: 2 },
      paper: { accuracy: 0.5 },
    },
    { name: 'se', system: 'se-cnn', data: 'cells', size: 16, set: { epochs: 2, reduction: 4 } },
    { name: 'off', evaluates: 'se', set: { attention: 'none' } },
    { name: 'slow', system: 'vgg', data: 'cells', size: 16, oneEpoch: true, seeds: [0] },
    { name: 'slower', system: 'vgg8', data: 'cells', size: 16, steps: 6, seeds: [0] },
  ],
  ensembles: [
    { name: 'both', title: 'Both', of: ['cnn', 'se'] },
    { name: 'seeds', title: 'All seeds', of: ['se'], over: 'seeds', vote: 'majority' },
  ],
  pairs: [
    ['se', 'cnn'],
    ['both', 'se'],
    ['seeds', 'cnn'],
    ['se', 'off'],
  ],
};

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-study-'));
  file = join(folder, 'small.json');
  await writeFile(file, JSON.stringify(STUDY));
});

const args = (out: string, ...more: string[]) =>
  ['study', file, '--data', 'smear', '--out', join(folder, out), '--json', ...more] as const;

/** Whether each test image was classified right, by image name. */
async function hits(out: string, run: string): Promise<Map<string, number>> {
  const text = await readFile(join(folder, out, 'runs', run, 'predictions-test.csv'), 'utf8');
  const rows = text.trim().split('\r\n').slice(1);
  return new Map(
    rows.map((row) => {
      const [name, label, predicted] = row.split(',');
      return [name, Number(label === predicted)];
    }),
  );
}

/** Accuracy of the mean of the probabilities of runs, worked out from their tables. */
async function meanVote(out: string, runs: readonly string[]): Promise<number> {
  const tables = await Promise.all(
    runs.map(async (run) => {
      const text = await readFile(join(folder, out, 'runs', run, 'predictions-test.csv'), 'utf8');
      return text
        .trim()
        .split('\r\n')
        .map((row) => row.split(','));
    }),
  );
  const [[header], rows] = [tables[0], tables[0].slice(1)];
  const right = rows.filter(([, label], i) => {
    const sums = header
      .slice(3)
      .map((_, k) => tables.reduce((sum, table) => sum + Number(table[i + 1][k + 3]), 0));
    return header[3 + sums.indexOf(Math.max(...sums))] === `p_${label}`;
  });
  return right.length / rows.length;
}

const mean = (values: Iterable<number>) => {
  const all = [...values];
  return all.reduce((a, b) => a + b, 0) / all.length;
};

describe('soma study', () => {
  it('goes on after a kill, with what is finished kept, and reports what its runs say', async () => {
    const first = start(args('a'));
    await until(() => /cnn-seed0 done/.test(first.stderr()));
    first.child.kill('SIGKILL');
    await first.finished;

    // The training that was killed's goes on by itself until its end; then the study may take it over.
    let code: number | null = 1;
    let stdout = '';
    let stderr = '';
    for (let i = 0; i < 20; i++) {
      ({ code, stdout, stderr } = await soma(...args('a', '--format', 'json')));
      if (JSON.parse(stdout).finished === 8) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(code, stderr).toBe(0);
    expect(stderr).not.toMatch(/cnn-seed0 begins/);
    const result = JSON.parse(stdout);
    expect(result.finished).toBe(8);

    const [cnn, se, off, slow, slower] = result.arms;
    const of = (arm: string) => Promise.all([0, 1].map((seed) => hits('a', `${arm}-seed${seed}`)));
    const [ofCnn, ofSe] = [await of('cnn'), await of('se')];
    const accuracies = (maps: Map<string, number>[]) => maps.map((map) => mean(map.values()));
    expect(cnn.accuracies).toEqual(accuracies(ofCnn));
    expect(cnn.accuracy.value).toBeCloseTo(mean(accuracies(ofCnn)), 12);
    expect(cnn.accuracy.low).toBeLessThan(cnn.accuracy.value);
    expect(cnn.against.difference).toBeCloseTo(cnn.accuracy.value - 0.5, 12);
    const [, , , , , both, seeds] = result.arms;
    const voted = [0, 1].map((seed) => meanVote('a', [`cnn-seed${seed}`, `se-seed${seed}`]));
    expect(both.accuracies).toEqual(await Promise.all(voted));
    expect(both.parameters).toBe(cnn.parameters + se.parameters);
    expect([both.epochSeconds, seeds.epochSeconds]).toEqual([null, null]);
    // Of two votes that differ the larger mean decides, as the mean of the probabilities does.
    expect(seeds.accuracies).toEqual([await meanVote('a', ['se-seed0', 'se-seed1'])]);
    const [pair, , ofSeeds] = result.pairs;
    expect(ofSeeds.difference.value).toBeCloseTo(seeds.accuracies[0] - cnn.accuracy.value, 12);
    expect(ofSeeds.seeds.map((each: { seed: number }) => each.seed)).toEqual([0, 1]);
    expect(pair.difference.value).toBeCloseTo(mean(accuracies(ofSe)) - mean(accuracies(ofCnn)), 12);
    expect(pair.seeds.map((each: { seed: number }) => each.seed)).toEqual([0, 1]);
    expect(slow.accuracy).toBeNull();
    expect(slow.estimatedSeconds).toBeCloseTo(20 * slow.epochSeconds, 9);
    expect(se.parameters).toBeGreaterThan(cnn.parameters);

    expect(off.parameters).toBe(cnn.parameters);
    const ofOff = await of('off');
    expect(off.accuracies).toEqual(accuracies(ofOff));
    expect(result.pairs[3].difference.value).toBeCloseTo(
      mean(accuracies(ofSe)) - mean(accuracies(ofOff)),
      12,
    );
    expect(off.accuracies).not.toEqual(se.accuracies);

    expect(slower.accuracy).toBeNull();
    expect(slower.measured.steps).toBe(6);
    expect(slower.measured.secondsPerStep).toBeGreaterThan(0);
    expect(slower.epochSeconds).toBeCloseTo(25 * slower.measured.secondsPerStep, 9);

    const markdown = await readFile(result.markdown, 'utf8');
    expect(markdown).toContain('| SE-CNN − CNN, stride-2 pools |');
    expect(markdown).toMatch(/^\| All seeds \| .* \| all: [\d.]+ \| .* \| – \| – \|$/m);
    expect(markdown).toMatch(/^- SE-CNN, seeds 0, 1: the running statistics of BatchNorm/m);
    expect(markdown).toMatch(/^Data smear-16, 16×16\u00a0px, RGB: /m);
    const tables = JSON.parse(await readFile(join(folder, 'a', 'tables.json'), 'utf8'));
    const ofPair = { pair: 'SE-CNN − CNN, stride-2 pools' };
    expect(tables['pair-seeds'].slice(0, 2)).toEqual(
      pair.seeds.map((each: object) => ({ ...ofPair, ...each })),
    );
    expect(tables.arms[0].accuracy).toEqual(cnn.accuracy);
    expect(tables.seeds.slice(0, 2).map((each: { accuracy: number }) => each.accuracy)).toEqual(
      cnn.accuracies,
    );
    const journal = (await readFile(join(folder, 'a', 'results.jsonl'), 'utf8')).trimEnd().split('\n');
    const finished = journal.map((line) => JSON.parse(line)).filter((line) => 'finished' in line);
    expect(finished).toHaveLength(8);
    expect(finished.find(({ id }) => id === 'se-seed1').accuracy).toBe(se.accuracies[1]);
    expect(finished.find(({ id }) => id === 'slower-seed0')).not.toHaveProperty('accuracy');

    const page = await readFile(result.report, 'utf8');
    expectAccessible(page);
    expect(page).toContain('Does the machinery work?');
    expect(await readdir(join(folder, 'a', 'figures'))).toEqual([
      'arms.svg',
      'pairs.svg',
      'validation-curves.svg',
    ]);
  }, 240_000);

  it('is shared by two processes without a run done twice, to the same figures', async () => {
    const both = [start(args('b')), start(args('b'))];
    const finished = await Promise.all(both.map((each) => each.finished));
    for (const { code, stderr } of finished) expect(code, stderr).toBe(0);
    const begun = finished.flatMap(({ stderr }) => [...stderr.matchAll(/(\S+) begins/g)].map(([, id]) => id));
    const trained = ['cnn-seed0', 'cnn-seed1', 'se-seed0', 'se-seed1', 'slow-seed0', 'slower-seed0'];
    // One process may come to an evaluation before the other has trained what it evaluates.
    expect(new Set(begun).size).toBe(begun.length);
    expect(begun).toEqual(expect.arrayContaining(trained));
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (out) => JSON.parse((await soma(...args(out))).stdout)),
    );
    expect(b.pairs).toEqual(a.pairs);
  }, 240_000);

  it('says what is left, and which data it needs', async () => {
    const { stdout } = await soma(...args('a', '--seeds', '0,1,2', '--dry-run'));
    const { runs, left } = JSON.parse(stdout);
    expect(runs).toBe(11);
    expect(left.map((command: string) => command.match(/--name (\S+)/)?.[1])).toEqual([
      'cnn-seed2',
      'se-seed2',
      undefined,
    ]);
    expect(left[2]).toMatch(/^soma evaluate \S+\/se-seed2 --set .* --out \S+\/off-seed2$/);
    const missing = await soma('study', 'resolution', '--data', 'blood-28=x.npz');
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('expected --data blood-64=PATH');
    const wrong = await soma('study', 'resolution', '--data', 'x.npz');
    expect(wrong.stderr).toContain('expected --data blood-28=PATH --data blood-64=PATH, got x.npz');
  });

  it('shows with one seed what others left, and leaves out what has other settings now', async () => {
    const out = join(folder, 'a');
    const { finished, runs } = JSON.parse((await soma(...args('a', '--seeds', '1', '--arms', 'cnn'))).stdout);
    expect([finished, runs]).toEqual([8, 8]);
    expect(await readFile(join(out, 'results.md'), 'utf8')).toContain('All seeds');

    const changed = join(folder, 'changed.json');
    const arms = STUDY.arms.map((arm) =>
      arm.name === 'se' ? { ...arm, set: { epochs: 2, reduction: 8 } } : arm,
    );
    await writeFile(changed, JSON.stringify({ ...STUDY, arms }));
    const one = await soma('study', changed, '--data', 'smear', '--out', out, '--arms', 'cnn');
    expect(one.code, one.stderr).toBe(0);
    expect(one.stdout).toContain('se-seed0 has other settings than the study has now, and is left out');
    expect(one.stdout).not.toMatch(/^se-cnn|^SE-CNN/m);
    // What is whole again is written for those that come after.
    await soma(...args('a'));
  }, 60_000);

  it('trains again what was moved away', async () => {
    const out = join(folder, 'b');
    await rename(join(out, 'runs', 'slower-seed0'), join(folder, 'moved'));
    const { stderr } = await soma(...args('b'));
    expect(stderr.match(/\S+ begins/g)).toEqual(['slower-seed0 begins']);
  }, 60_000);

  it('refuses a folder with results of other settings', async () => {
    const other = join(folder, 'other.json');
    await writeFile(
      other,
      JSON.stringify({
        ...STUDY,
        arms: [{ ...STUDY.arms[0], set: { epochs: 3 } }],
        ensembles: [],
        pairs: [],
      }),
    );
    const { code, stderr } = await soma('study', other, '--data', 'smear', '--out', join(folder, 'a'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/got cnn-seed0 with other settings; choose another --out/);

    const cells = join(folder, 'cells');
    const sizes = ['--train', '32', '--val', '16', '--test', '16', '--no-masks'];
    await soma('data', 'synth', cells, '--size', '16', ...sizes);
    const elsewhere = await soma('study', file, '--data', cells, '--out', join(folder, 'a'));
    expect(elsewhere.code).toBe(1);
    expect(elsewhere.stderr).toMatch(
      /expected cells with the images and labels of smear, fingerprint .*choose another --out/,
    );
  });

  it('leaves a run out that has lost its test, and says so', async () => {
    const run = join(folder, 'b', 'runs', 'cnn-seed0');
    for (const name of await readdir(run))
      if (/^(evaluation|predictions)/.test(name)) await rm(join(run, name), { recursive: true });
    const { stdout } = await soma(...args('b'));
    const [cnn] = JSON.parse(stdout).arms;
    const right = await hits('b', 'cnn-seed1');
    expect(cnn.accuracies).toEqual([mean(right.values())]);
    expect(await readFile(join(folder, 'b', 'results.md'), 'utf8')).toContain(
      'no test results of seed 0, which is left out',
    );
  }, 60_000);

  it('compares no runs that were tested on different images, and says so', async () => {
    const renamed = async (run: string) => {
      const table = join(folder, 'a', 'runs', run, 'predictions-test.csv');
      const lines = (await readFile(table, 'utf8')).split('\r\n');
      await writeFile(table, [lines[0], `other-${lines[1]}`, ...lines.slice(2)].join('\r\n'));
    };
    // Both of one seed: neither arm has images of its own, and seeds side by side look right.
    await renamed('se-seed1');
    await renamed('off-seed1');
    const { stdout } = await soma(...args('a'));
    const pairs: { first: string }[] = JSON.parse(stdout).pairs;
    expect(pairs.filter(({ first }) => first === 'SE-CNN')).toEqual([]);
    expect(await readFile(join(folder, 'a', 'results.md'), 'utf8')).toMatch(
      /SE-CNN and SE-CNN, tested with .* cannot be compared\. .*the same images/,
    );
  }, 60_000);

  it('goes on with a begun run whose data has moved, and does not take damaged notes of its data', async () => {
    const [cells, moved] = ['cells-here', 'cells-there'].map((name) => join(folder, name));
    const sizes = ['--train', '32', '--val', '16', '--test', '16', '--no-masks'];
    await soma('data', 'synth', cells, '--size', '16', ...sizes);
    const long = join(folder, 'long.json');
    const arms = [{ ...STUDY.arms[0], set: { epochs: 60 } }];
    await writeFile(long, JSON.stringify({ ...STUDY, seeds: [0], arms, ensembles: [], pairs: [] }));
    const out = join(folder, 'm');
    const at = (data: string) => ['study', long, '--data', data, '--out', out, '--json'] as const;
    const history = join(out, 'runs', 'cnn-seed0', 'metrics.jsonl');
    const first = start(at(cells));
    await until(() => existsSync(history) && readFileSync(history, 'utf8').includes('\n'));
    first.child.kill('SIGINT');
    const { code: stopped, stderr: words } = await first.finished;
    expect(words).toMatch(/interrupted/);
    expect(stopped).toBe(130);
    await rename(cells, moved);

    const notes = join(out, 'data.json');
    const kept = await readFile(notes, 'utf8');
    await writeFile(notes, kept.slice(0, 20));
    const damaged = await soma(...at(moved));
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(/data\.json: expected what soma study wrote, got text that is no JSON/);

    await writeFile(notes, kept);
    const { code, stdout, stderr } = await soma(...at(moved));
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).finished).toBe(1);
    expect((await readFile(history, 'utf8')).trim().split('\n')).toHaveLength(60);
  }, 120_000);

  it('refuses an arm that cannot be trained as it is written, before anything is', async () => {
    const wrong = join(folder, 'wrong.json');
    const out = join(folder, 'w');
    const refused = async (arm: object) => {
      const arms = [STUDY.arms[0], { name: 'bad', system: 'se-cnn', data: 'cells', ...arm }];
      await writeFile(wrong, JSON.stringify({ ...STUDY, arms, ensembles: [], pairs: [] }));
      const { code, stderr } = await soma('study', wrong, '--data', 'smear', '--out', out, '--dry-run');
      expect(code).toBe(2);
      expect(existsSync(out)).toBe(false);
      return stderr;
    };
    expect(await refused({ set: { reductoin: 4 } })).toMatch(/study small, bad: .*did you mean reduction\?/);
    expect(await refused({ set: { epochs: 'three' } })).toMatch(
      /study small, bad: training settings: .*epochs/,
    );
    expect(await refused({ weights: 'none.safetensors' })).toMatch(
      /bad: expected a file of weights at .*none/,
    );
    const evaluating = { system: undefined, data: undefined, evaluates: 'cnn', set: { dropout: 2 } };
    expect(await refused(evaluating)).toMatch(/bad: options of cnn-stride2: .*dropout/);
  });

  it('goes on past a run that fails, and says where to look', async () => {
    const failing = join(folder, 'failing.json');
    const weights = join(folder, 'empty.safetensors');
    await writeFile(weights, '');
    const arms = [{ ...STUDY.arms[0], weights }, { name: 'off', evaluates: 'cnn' }, { ...STUDY.arms[3] }];
    await writeFile(failing, JSON.stringify({ ...STUDY, seeds: [0], arms, ensembles: [], pairs: [] }));
    const { code, stdout, stderr } = await soma(
      'study',
      failing,
      '--data',
      'smear',
      '--out',
      join(folder, 'f'),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/cnn-seed0 failed: soma: .*empty\.safetensors: expected a whole safetensors file/);
    expect(stdout).toContain('cnn-seed0 failed: see');
    expect(stdout).toContain('off-seed0 waits for cnn-seed0');
    expect(stdout).toContain('1 of 3 runs');
  }, 60_000);
});
