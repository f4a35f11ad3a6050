/** Faithfulness on a network that looks at one pixel, and masks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import { untrainedRun } from '../../test/untrained-run.ts';
import { readImage } from '../data/dataset.ts';
import { openSmear } from '../data/smear/source.ts';
import { writeSmear } from '../data/smear/write.ts';
import { predictionStep } from '../train/step.ts';
import { type ExplainedImage, openExplaining } from './explain.ts';
import { measureFaithfulness } from './faithfulness.ts';
import { openJournal } from './faithfulness-journal.ts';
import { openMasks } from './masks.ts';
import { EXPLAIN_DEFAULTS } from './method.ts';
import { networkOf as runNetwork } from './network.ts';
import { AREA, CLASSES, linear, networkOf, SIDE } from './small-networks.ts';

const PIXEL = 5;

/** An image that is white, and a map that is hot at one pixel. */
function hotAt(pixel: number, name: string): ExplainedImage {
  const values = new Float32Array(AREA);
  values[pixel] = 1;
  const heat = { height: SIDE, width: SIDE, values };
  return {
    image: { name, truth: 0, pixels: new Uint8Array(AREA).fill(255) },
    probabilities: new Float32Array(CLASSES),
    predicted: 0,
    asked: 0,
    maps: [{ method: 'occlusion', layer: 'image', raw: heat, rawSteps: [], heat, steps: [] }],
  };
}

async function measured(pixel: number, names = ['a']) {
  const network = networkOf(linear);
  await network.load(predictionStep(network.spec, 1).plan);
  const weights = new Float32Array(CLASSES * AREA);
  weights[PIXEL] = 40;
  network.session.writeVariable('fc.weight', weights);
  network.session.writeVariable(
    'fc.bias',
    new Float32Array(CLASSES).map((_, k) => (k === 0 ? -20 : 0)),
  );
  const masks = names.map(() => Uint8Array.from({ length: AREA }, (_, i) => Number(i === PIXEL || i === 0)));
  const result = await measureFaithfulness({
    network,
    images: names.map((name) => hotAt(pixel, name).image),
    methods: ['occlusion'],
    explain: async (images) => images.map(({ name }) => hotAt(pixel, name)),
    masks,
    fill: { deletion: 'black', insertion: 'black' },
    parts: 4,
    seed: 1,
  });
  if (!result) throw new Error('interrupted');
  return result;
}

describe('measureFaithfulness()', () => {
  it('sees the class go with the pixel that makes it, and come with it', async () => {
    const { rankings, nucleusArea } = await measured(PIXEL);
    const [hot, drawn] = rankings;
    expect(hot.curves.deletion.map(Math.round)).toEqual([1, 0, 0, 0, 0]);
    expect(hot.curves.insertion.map(Math.round)).toEqual([0, 1, 1, 1, 1]);
    expect(hot.deletion.value).toBeCloseTo(0.125, 4);
    expect(hot.insertion.value).toBeCloseTo(0.875, 4);
    expect(drawn.deletion.value).toBeGreaterThanOrEqual(hot.deletion.value);
    expect(hot.deletionOverRandom.value).toBeCloseTo(hot.deletion.value - drawn.deletion.value, 12);
    expect(nucleusArea?.value).toBe(2 / AREA);
    expect([hot.nucleus?.heat.value, hot.nucleus?.pointing.value]).toEqual([1, 1]);
    expect(hot.nucleus?.heatOverArea.value).toBe(1 - 2 / AREA);
  });

  it('is not taken in by heat beside it, and draws another order for each image', async () => {
    const { rankings } = await measured(3, ['a', 'b', 'c', 'd']);
    const [cold, drawn] = rankings;
    expect(cold.nucleus?.heat.value).toBe(0);
    expect(cold.deletion.value).toBeGreaterThan(0.125);
    expect(drawn.deletion.low).toBeLessThan(drawn.deletion.high);
  });
});

describe('measureFaithfulness() with a journal', async () => {
  const folder = await temporaryFolder();
  const dataset = openSmear({ size: 16, images: { train: 8, val: 8, test: 20 } });
  const of = await untrainedRun(folder, dataset, 'scnn', { T: 3, threshold: 0.2 });
  afterAll(() => of.session.close());
  const network = runNetwork(of.run, of.config, of.session, of.weights);
  const source = dataset.splits.test;
  const images = await Promise.all(
    Array.from(source.labels, async (truth, i) => {
      const { data: pixels } = await readImage(source, dataset, i);
      return { name: source.name(i), truth, pixels };
    }),
  );
  const masks = await Promise.all(
    images.map(async (_, i) => {
      const mask = new Uint8Array(256);
      await source.mask(i, mask);
      return mask;
    }),
  );
  const how = { asked: 'predicted', options: EXPLAIN_DEFAULTS } as const;
  const journal = join(of.run.path, 'faithfulness.jsonl');
  const lines = () => readFileSync(journal, 'utf8').split('\n').filter(Boolean);

  /** Stops after so many images and orders. */
  async function measure(written: boolean, seed = 1, until = Number.POSITIVE_INFINITY) {
    const abort = new AbortController();
    const explain = await openExplaining({ network, ...how });
    const asked: string[] = [];
    const result = await measureFaithfulness({
      ...{ network, images, masks, seed, parts: 4, signal: abort.signal },
      methods: ['grad-cam', 'spike-count'],
      fill: { deletion: 'mean', insertion: 'blurred' },
      ...(written ? { journal: await openJournal(of.run, of.weights, how) } : {}),
      explain: (some, methods) => {
        asked.push(`${some.length} by ${methods.join()}`);
        return explain(some, methods);
      },
      onProgress: (done) => {
        if (done >= until) abort.abort();
      },
    });
    return { result, asked };
  }

  it('goes on where it was stopped, to the same bits', async () => {
    const whole = await measure(false);
    expect(whole.asked).toEqual(['16 by grad-cam,spike-count', '4 by grad-cam,spike-count']);
    expect((await measure(true, 1, 32)).result).toBeUndefined();
    expect(lines()).toHaveLength(32);
    // A kill in the middle of a line.
    writeFileSync(journal, readFileSync(journal, 'utf8').slice(0, -30));
    const resumed = await measure(true);
    expect(resumed.asked).toEqual(['16 by spike-count', '4 by grad-cam,spike-count']);
    expect(resumed.result).toEqual(whole.result);
    const again = await measure(true);
    expect(again).toEqual({ result: whole.result, asked: [] });
  });

  it('takes nothing that was measured otherwise', async () => {
    await measure(true);
    const before = lines().length;
    const other = await measure(true, 2);
    expect(other.asked).toHaveLength(2);
    expect(lines()).toHaveLength(before + 80);
    expect(other.result).toEqual((await measure(false, 2)).result);
  });
});

describe('masks', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'soma-masks-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const options = { size: 16, images: { train: 8, val: 8, test: 8 }, seed: 4 };
  const shape = { height: 16, width: 16 };
  await writeSmear(join(folder, 'smear'), options);

  it('are read from beside the images', async () => {
    const smear = openSmear(options).splits.test;
    const read = openMasks(join(folder, 'smear'), 'test', shape);
    const { nucleusMask } = smear.draw(3);
    expect(await read?.(0, smear.name(3))).toEqual(nucleusMask);
    await expect(read?.(0, 'test/basophil/none.png')).rejects.toThrow('a mask of every image');
    expect(openMasks(join(folder, 'smear', 'test'), 'test', shape)).toBeUndefined();
  });

  it('are known of the built-in smear', async () => {
    const { splits } = openSmear({ size: 16 });
    const mask = new Uint8Array(256);
    await splits.test.mask(7, mask);
    expect(await openMasks('smear', 'test', shape)?.(7, '')).toEqual(mask);
  });
});
