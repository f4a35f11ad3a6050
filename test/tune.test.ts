/** Searches with real trainings: shared, killed, with trials that die; and that no trial sees a test image. */
import { existsSync, readFileSync } from 'node:fs';
import { cp, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { applySets } from '../src/cli/options.ts';
import { setTexts } from '../src/jobs/set-texts.ts';
import { findSystem } from '../src/models/registry.ts';
import { openSpace, SPACES } from '../src/tune/registry.ts';
import { extremePoints, parseSpace, type Space } from '../src/tune/space.ts';
import { soma, start, until } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const data = join(folder, 'smear');
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  const sizes = ['--train', '96', '--val', '32', '--test', '32', '--no-masks'];
  const { code, stderr } = await soma('data', 'synth', data, '--size', '16', ...sizes);
  expect(code, stderr).toBe(0);
  const parameters = {
    lr: { type: 'float', low: 1e-4, high: 1e-1, scale: 'log' },
    'optimizer.kind': { type: 'categorical', choices: ['sgd', 'adam'] },
    'optimizer.momentum': { type: 'ordered', values: [0, 0.9], when: { 'optimizer.kind': 'sgd' } },
  };
  await writeFile(file('space.json'), JSON.stringify({ parameters }));
  await writeFile(
    file('dying.json'),
    JSON.stringify({ parameters: { lr: { type: 'ordered', values: [1e-3, 1e30] } } }),
  );
}, 60_000);

const args = (space: string, out: string, ...more: string[]) => [
  ...['tune', 'cnn-stride2', '--data', data, '--size', '16', '--space', file(space), '--out', file(out)],
  ...['--set', 'dropout=0.1', '--threads', '1', '--json', ...more],
];

describe('soma tune', () => {
  const halving = ['--trials', '3', '--epochs', '2', '--pruner', 'halving', '--reduction', '2'];

  it('is shared by two processes, and a promoted trial is the run that nobody paused', async () => {
    const both = [start(args('space.json', 'a', ...halving)), start(args('space.json', 'a', ...halving))];
    for (const { code, stderr } of await Promise.all(both.map((each) => each.finished)))
      expect(code, stderr).toBe(0);
    const { stdout, code, stderr } = await soma(...args('space.json', 'a', ...halving, '--format', 'csv'));
    expect(code, stderr).toBe(0);
    const { trials, failed, elsewhere, best, report } = JSON.parse(stdout);
    expect({ trials, failed, elsewhere }).toEqual({ trials: 3, failed: [], elsewhere: [] });
    expect(best.whole).toBe(true);
    expect(best.epochs).toBe(2);

    const begun = both.flatMap((each) => [...each.stderr().matchAll(/(trial-\d+ up to epoch \d+)/g)]);
    expect(new Set(begun.map(([, text]) => text)).size).toBe(begun.length);

    const lines = (await readFile(join(best.run, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const { val_loss } = JSON.parse(lines[1]);
    // The system keeps its last weights.
    expect([best.epoch, best.value]).toEqual([2, val_loss]);
    for (let i = 0; i < 3; i++)
      for (const test of ['evaluation.json', 'predictions-test.csv'])
        expect(existsSync(join(file('a'), 'runs', `trial-000${i}`, test))).toBe(false);

    const again = best.command.split(' ').slice(1);
    const whole = await soma(
      ...again,
      '--runs-dir',
      folder,
      '--name',
      'again',
      '--threads',
      '1',
      '--no-test',
    );
    expect(whole.code, whole.stderr).toBe(0);
    const weights = (run: string) => readFileSync(join(run, 'last.safetensors'));
    expect(weights(file('again')).equals(weights(best.run))).toBe(true);

    const table = await readFile(join(file('a'), 'tables-trials.csv'), 'utf8');
    expect(table).toMatch(/^trial,val_loss,epoch,epochs,seconds,seed,failed,lr,optimizer\.kind,/);
    const page = await readFile(report, 'utf8');
    expect(page).toContain('No network of the search saw a test image');
    expect(page).toContain('id="parallel-coordinates"');
    expect(page).not.toMatch(/(src|href)="http/);
  }, 120_000);

  it('goes on after a kill, with what is finished kept, and counts a trial that dies', async () => {
    const grid = ['--sampler', 'grid', '--epochs', '2'];
    const first = start(args('dying.json', 'b', ...grid));
    await until(() => /trial-0001 up to/.test(first.stderr()));
    first.child.kill('SIGKILL');
    await first.finished;
    let result = { trials: 0, failed: [] as { trial: number; reason: string }[], best: { trial: -1 } };
    let stderr = '';
    // The training of the process that was killed goes on to its end by itself; then it may be taken over.
    for (let i = 0; i < 20 && result.failed.length === 0; i++) {
      const next = await soma(...args('dying.json', 'b', ...grid));
      stderr += next.stderr;
      result = JSON.parse(next.stdout);
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(stderr).not.toMatch(/trial-0000 up to/);
    expect(result.trials).toBe(2);
    expect(result.failed).toHaveLength(1);
    expect(result.failed[0]).toMatchObject({ trial: 1 });
    expect(result.failed[0].reason).toMatch(/finite/);
    expect(result.best.trial).toBe(0);

    const other = await soma(...args('dying.json', 'b', ...grid, '--objective', 'val_accuracy'));
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('got one with another objective: "val_loss"; choose another --out');
  }, 120_000);

  it('holds no trial to blame for data that is gone', async () => {
    const moved = file('moved-data');
    await cp(data, moved, { recursive: true });
    const more = ['--data', moved, '--trials', '3', '--epochs', '3', '--out', file('d')];
    const first = start(args('space.json', 'd', ...more));
    await until(() => /trial-0000 [\d.]+ in epoch/.test(first.stderr()));
    await rename(moved, `${moved}-away`);
    const { code, stderr } = await first.finished;
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(/trial-000[12]: expected a disk to write to and the data at .*left to be done/);
    // What was begun at the old place goes on at the new one.
    const again = await soma(...args('space.json', 'd', ...more, '--data', `${moved}-away`));
    expect(again.code, again.stderr).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ trials: 3, failed: [], elsewhere: [] });
  }, 120_000);

  it.each([
    [['--set', 'optimizer.weightDecay=0.1'], /which depends on optimizer\.kind, and that is searched for/],
    [['--set', 'lr=1'], /expected --set of what is not searched for, got lr/],
    [['--sampler', 'grid'], /grid: expected lists of values or steps, got a continuum of lr; sample it/],
    [['--space', 'scnn'], /expected the system of the space, scnn, got cnn-stride2/],
    [['--space', 'spiking'], /expected an option of cnn-stride2 or a training setting, got T/],
  ])('refuses %s before anything is trained', async (more, message) => {
    const { code, stderr } = await soma(...args('space.json', 'c', ...more));
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(existsSync(file('c'))).toBe(false);
  });
});

describe('built-in spaces', () => {
  it('are named in the answer to a wrong name', () =>
    expect(openSpace('spikign')).rejects.toThrow(/or a \.json file, got spikign; did you mean spiking\?/));

  const systems = Object.entries(SPACES).flatMap(([name, { system }]) =>
    (system ? [system] : name === 'spiking' ? ['scnn', 'neurallnet'] : ['se-cnn', 'biasnn']).map(
      (each) => [name, each] as const,
    ),
  );

  it.each(systems)('%s fits %s', (name, system) => expectFit(SPACES[name], system));

  it('are written as the one in docs/tuning.md is', async () => {
    const docs = await readFile(new URL('../docs/tuning.md', import.meta.url), 'utf8');
    const [, text] = docs.match(/```json\n([\s\S]*?)```/) ?? [];
    expectFit(parseSpace(text, 'docs/tuning.md'), 'se-cnn');
  });

  /** The system takes every end of every range, and takes it as what it is. */
  function expectFit(space: Space, name: string): void {
    const system = findSystem(name);
    for (const point of extremePoints(space)) {
      const sets = setTexts(point);
      const { options, settings } = applySets(system, system.training, sets);
      for (const [key, value] of Object.entries(point)) {
        const [first, second] = key.split('.');
        const found = { ...settings, ...options } as Record<string, unknown>;
        expect(second ? (found[first] as Record<string, unknown>)[second] : found[first]).toEqual(value);
      }
    }
  }
});
