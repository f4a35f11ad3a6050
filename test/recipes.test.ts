/**
 * The recipes of docs/recipes.md, run as they stand: modules of a user beside the built Soma, and changes to Soma on a copy
 * of its sources, with the tests that they add.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { soma } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = await temporaryFolder();
const user = join(folder, 'user');
const copy = join(folder, 'soma');

const text = readFileSync(join(root, 'docs', 'recipes.md'), 'utf8');
const blocks = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, body]) => ({
  language,
  body,
}));
const of = (language: string) =>
  blocks.filter((block) => block.language === language).map(({ body }) => body);

/** Writes a block whose first line names its file. */
function write(into: string, body: string): void {
  const path = /^\/\/ (\S+)\n/.exec(body)?.[1];
  if (!path)
    throw new Error(`expected a block that begins with the name of its file, got ${body.slice(0, 40)}`);
  mkdirSync(dirname(join(into, path)), { recursive: true });
  writeFileSync(join(into, path), body);
}

/** Applies a diff without line numbers: what it takes out or leaves must stand in the file once. */
function apply(diff: string): void {
  for (const [, path, hunks] of diff.matchAll(/^--- (\S+)\n([\s\S]*?)(?=^--- |$(?![\s\S]))/gm)) {
    const file = join(copy, path);
    let source = readFileSync(file, 'utf8');
    for (const hunk of hunks.split(/^@@\n/m).slice(1)) {
      const lines = hunk.split('\n').slice(0, -1);
      const side = (sign: string) =>
        lines.flatMap((line) => (line[0] === sign ? [] : [`${line.slice(1)}\n`])).join('');
      const [before, after] = [side('+'), side('-')];
      expect(source.split(before), `${path}: ${before}`).toHaveLength(2);
      source = source.replace(before, () => after);
    }
    writeFileSync(file, source);
  }
}

describe('modules of a user', () => {
  const system = join(user, 'my-system.js');
  const small = ['--data', 'smear', '--size', '16', '--epochs', '1', '--set', 'T=2', '--runs-dir', user];

  beforeAll(() => {
    mkdirSync(join(user, 'node_modules'), { recursive: true });
    symlinkSync(root, join(user, 'node_modules', 'soma'), 'dir');
    writeFileSync(join(user, 'package.json'), '{ "type": "module" }');
    for (const body of of('js')) write(user, body);
    expect(of('js')).toHaveLength(5);
  });

  it('a system is planned, trained, reopened, and taken by a study', async () => {
    const plan = await soma('plan', system, '--set', 'T=8', '--json');
    expect(plan.code, plan.stderr).toBe(0);
    const trained = await soma('train', system, ...small, '--name', 'run');
    expect(trained.code, trained.stderr).toBe(0);
    const evaluated = await soma('evaluate', join(user, 'run'), '--json');
    expect(JSON.parse(evaluated.stdout).metrics.images, evaluated.stderr).toBe(640);
    const study = join(user, 'mine.json');
    const arms = [{ name: 'mine', system, data: 'cells', size: 16 }];
    writeFileSync(
      study,
      JSON.stringify({ name: 'mine', title: 'Mine', question: '?', data: { cells: '' }, arms }),
    );
    const dry = await soma('study', study, '--data', 'smear', '--dry-run', '--json');
    expect(JSON.parse(dry.stdout).left[0], dry.stderr).toContain(`soma train ${system} --data smear`);
  }, 120_000);

  it('a run is not reopened with a module that has changed', async () => {
    const source = readFileSync(system, 'utf8');
    const started = await soma('train', system, ...small, '--set', 'maxSteps=1', '--name', 'changed');
    expect(started.code, started.stderr).toBe(0);
    writeFileSync(system, `${source}\n// another\n`);
    const { code, stderr } = await soma('evaluate', join(user, 'changed'));
    writeFileSync(system, source);
    expect(code).toBe(1);
    expect(stderr).toMatch(/my-system\.js: expected the system that the run was begun with, fingerprint/);
  }, 60_000);

  it.each([
    ['nothing.js', undefined, /nothing\.js: expected a module with a system, got ENOENT/],
    ['broken.js', 'export default {', /broken\.js: expected a module that can be run/],
    ['empty.js', 'export default { name: "x" }', /expected a system as its default export .*title.*build/],
    [
      'taken.js',
      "import mine from './my-system.js'; export default { ...mine, name: 'scnn' };",
      /scnn, which is taken/,
    ],
  ])('%s is refused with a reason', async (name, source, message) => {
    if (source) writeFileSync(join(user, name), source);
    const { code, stderr } = await soma('plan', join(user, name));
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('a block computes, and a program trains', async () => {
    const run = (file: string) => execute(process.execPath, [file], { cwd: user });
    const [count, ...values] = (await run('look.js')).stdout.match(/-?[\d.]+/g)?.map(Number) ?? [];
    expect(count).toBe(6);
    expect(values).toHaveLength(32);
    // 1 · σ(w·1 + b) lies between 0 and 1.
    expect(values.every((value) => value > 0 && value < 1)).toBe(true);
    const { stdout } = await run('train-my-system.js');
    expect(stdout).toMatch(/^epoch 1: 0\.\d+\n\{ value: 0\.\d+, low: 0\.\d+, high: 0\.\d+ \}/);
    const cell = join(root, 'docs', 'smear.webp');
    const predicted = await execute(process.execPath, ['predict.js', cell], { cwd: user });
    const [, name, ...probabilities] = predicted.stdout.trim().split(' ');
    expect(probabilities).toHaveLength(8);
    const asked = await soma('predict', join(user, 'runs', 'mine'), cell, '--json');
    const [{ predicted: same, probabilities: named }] = JSON.parse(asked.stdout);
    expect([same, ...Object.values(named)]).toEqual([name, ...probabilities.map(Number)]);
  }, 120_000);
});

describe('changes to Soma', () => {
  const run = (file: string, ...args: string[]) => execute(process.execPath, [file, ...args], { cwd: copy });
  const tool = (name: string, ...args: string[]) => run(join(copy, 'node_modules', '.bin', name), ...args);
  const somaCopy = (...args: string[]) => run(join(copy, 'dist', 'cli', 'main.js'), ...args);

  beforeAll(async () => {
    for (const part of ['src', 'test', 'package.json', 'tsconfig.json', 'tsconfig.build.json'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    for (const part of ['node_modules', 'build']) symlinkSync(join(root, part), join(copy, part), 'dir');
    for (const body of of('ts')) write(copy, body);
    for (const body of of('diff')) apply(body);
    expect([of('ts').length, of('diff').length]).toEqual([4, 4]);
    await tool('tsc', '--noEmit', '-p', '.');
    await tool('tsc', '-p', 'tsconfig.build.json');
  }, 240_000);

  it('the tests that they add pass', async () => {
    const files = ['src/ops/gradient.test.ts', 'src/engine/conformance.test.ts', 'src/models/models.test.ts'];
    const { stdout } = await tool('vitest', 'run', ...files, '-t', 'square|perceptron', '--reporter', 'json');
    const { testResults } = JSON.parse(stdout.slice(stdout.indexOf('{')));
    const passed = (testResults as readonly TestFile[]).map(
      ({ assertionResults }) => assertionResults.filter(({ status }) => status === 'passed').length,
    );
    expect(passed).toHaveLength(files.length);
    for (const count of passed) expect(count).toBeGreaterThan(0);
  }, 120_000);

  it('the neuron follows its equation, and asks for an engine that has it', async () => {
    writeFileSync(
      join(copy, 'trace.mjs'),
      `import { compile, f32, fastSigmoid, Graph, openEngine } from './dist/index.js';
       import { neurons } from './dist/ops/neuron.js';
       const graph = new Graph();
       const [x, b, th] = [[1, 1], [], []].map((shape, i) => graph.input('xbt'[i], f32(shape)));
       const attrs = { model: 'floorLif', steps: 4, reset: 'subtract', resetDelay: false, surrogate: fastSigmoid(5) };
       graph.output('u', neurons(x, [b, th], attrs).membrane);
       const feeds = { x: Float32Array.of(0.75), b: Float32Array.of(0.5), t: Float32Array.of(1) };
       const program = openEngine({ engine: 'reference' }).createSession().load(compile(graph));
       await program.run(feeds);
       console.log([...program.read('u')].join());
       try { openEngine({ engine: 'native' }).createSession().load(compile(graph)); } catch (error) { console.log(error.message); }`,
    );
    const [trace, refused] = (await run(join(copy, 'trace.mjs'))).stdout.split('\n');
    // 0.75; 0.375 + 0.75 fires and leaves 0.125; 0.0625 + 0.75; 0.40625 + 0.75.
    expect(trace).toBe('0.75,1.125,0.8125,1.15625');
    expect(refused).toMatch(
      /expected a neuron with a native kernel, got floorLif; compute with --engine reference/,
    );
  }, 60_000);

  it('the format is read, its faults are named, and the system learns from it', async () => {
    const row = (label: number) => [
      label,
      ...Array.from({ length: 64 }, (_, i) => (i % 2 === label ? 200 : 20)),
    ];
    const rows = Array.from({ length: 60 }, (_, i) => row(i % 2).join());
    writeFileSync(join(copy, 'stripes.csv'), ['label,pixels', ...rows].join('\n'));
    const settings = [
      '--size',
      '8',
      '--epochs',
      '5',
      '--batch-size',
      '8',
      '--runs-dir',
      copy,
      '--name',
      'run',
    ];
    const { stdout } = await somaCopy('train', 'perceptron', '--data', 'stripes.csv', ...settings, '--json');
    expect(JSON.parse(stdout).test.accuracy.value).toBe(1);
    writeFileSync(join(copy, 'bad.csv'), [...rows, '1,2,3'].join('\n'));
    const fault = await somaCopy('data', 'check', 'bad.csv').catch((error) => error);
    expect(fault.code).toBe(1);
    expect(fault.stdout).toMatch(
      /bad\.csv\[60\]: expected a label and the whole numbers of a square image, got 3 numbers/,
    );
  }, 60_000);
});

interface TestFile {
  readonly assertionResults: readonly { readonly status: string }[];
}
