import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectAccessible } from '../../test/accessible.ts';
import type { Definition } from './definition.ts';
import { type Event, trialsOf } from './journal.ts';
import { outcomeOf, writeOutcome } from './report.ts';
import { defineSpace } from './space.ts';

const definition: Definition = {
  ...{ system: 'scnn', module: null, set: { T: 5 }, data: '/cells', fingerprint: 'f'.repeat(64) },
  space: defineSpace({
    parameters: {
      'optimizer.kind': { type: 'categorical', choices: ['sgd', 'adam'] },
      'optimizer.momentum': { type: 'float', low: 0, high: 0.9, when: { 'optimizer.kind': 'sgd' } },
      lr: { type: 'float', low: 1e-4, high: 1e-1, scale: 'log' },
    },
  }),
  ...{ reading: ['--split-seed', '0'], objective: 'val_accuracy', sampler: 'tpe', seed: 0 },
  pruner: { kind: 'halving', epochs: 9, leastEpochs: 1, reduction: 3 },
};

const begun = (trial: number): Event => ({
  ...{ event: 'begun', trial, seed: 7, bracket: 0 },
  point:
    trial % 2
      ? { 'optimizer.kind': 'adam', lr: 1e-3 }
      : { 'optimizer.kind': 'sgd', 'optimizer.momentum': 0.9, lr: 0.1 },
});
const result = (trial: number, rung: number, value: number): Event => ({
  ...{ event: 'result', trial, rung, value, loss: -value },
  ...{ epoch: 3 ** rung, epochs: 3 ** rung, seconds: 2 },
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-tune-'));
});

describe('the report of a search', () => {
  it('names the best of the trials that came furthest, with the command that repeats it', async () => {
    const events = [begun(0), begun(1), result(0, 0, 0.9), result(1, 0, 0.5)];
    events.push({ event: 'promoted', trial: 1, rung: 1 }, result(1, 1, 0.7));
    const outcome = outcomeOf(definition, folder, trialsOf(events));
    expect(outcome.best).toMatchObject({ value: 0.7, epoch: 3, epochs: 3, isWhole: false });
    expect(outcome.best?.command).toBe(
      'soma train scnn --data /cells --split-seed 0 --seed 7 --epochs 9 --set T=5 --set optimizer.kind=adam --set lr=0.001',
    );
    const page = await readFile(await writeOutcome(outcome), 'utf8');
    expectAccessible(page);
    expect(page).toContain('No trial was trained to its end yet');
    const drawn = await readdir(join(folder, 'figures'));
    expect(drawn).toEqual(['history.svg', 'parallel-coordinates.svg', 'rungs.svg', 'slices.svg']);
    for (const name of drawn)
      expect(await readFile(join(folder, 'figures', name), 'utf8')).not.toMatch(/NaN|undefined/);
  });

  it('says why trials failed, as text, where none has a value', async () => {
    const reason = 'NaN from <script>alert(1)</script>';
    const outcome = outcomeOf(
      definition,
      folder,
      trialsOf([begun(0), { event: 'failed', trial: 0, rung: 0, reason }]),
    );
    expect(outcome.best).toBeNull();
    const page = await readFile(await writeOutcome(outcome), 'utf8');
    expect(page).toContain('Trial 0 failed: NaN from &lt;script&gt;');
    expect(page).not.toContain('<script>');
  });

  it('draws one trial alone', async () => {
    const outcome = outcomeOf(definition, folder, trialsOf([begun(0), result(0, 0, 0.5)]));
    await writeOutcome(outcome);
    for (const name of await readdir(join(folder, 'figures')))
      expect(await readFile(join(folder, 'figures', name), 'utf8')).not.toMatch(/NaN|undefined/);
  });
});
