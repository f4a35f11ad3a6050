/** Methods on networks that are small enough to say by hand what they must show. */
import { describe, expect, it } from 'vitest';
import { findSystem } from '../models/registry.ts';
import { observationStep } from '../train/observation.ts';
import { filler } from './fill.ts';
import { EXPLAIN_DEFAULTS, type ExplainOptions, type Explanation } from './method.ts';
import { METHODS, type MethodName, methodsFor } from './methods.ts';
import type { Network } from './network.ts';
import { occlusionMap, patchesOver } from './occlusion.ts';
import { openAsking, scoreOf } from './score.ts';
import { AREA, CLASSES, centred, drawn, linear, networkOf, SIDE, small, spiking } from './small-networks.ts';
import { spikeActivation } from './spike-activation.ts';

async function explained(
  network: Network,
  method: MethodName,
  images: Float32Array,
  classes: number[],
  options: Partial<ExplainOptions> = {},
): Promise<Explanation[]> {
  const explainer = await METHODS[method].open(network, { ...EXPLAIN_DEFAULTS, ...options });
  return explainer.explain(images, classes);
}

const close = (a: ArrayLike<number>, b: ArrayLike<number>, digits = 5) => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(a[i]).toBeCloseTo(b[i], digits);
};

describe('Grad-CAM', () => {
  // One more than a batch takes, so that the last batch is filled up.
  const count = 9;
  const images = drawn(count);
  const wanted = Array.from({ length: count }, (_, i) => i % CLASSES);

  async function byHand(network: Network, activated = false): Promise<number[][]> {
    const { plan } = observationStep(network.spec, count, ({ layers }) => {
      const conv1 = layers.get('conv1');
      if (!conv1) throw new Error([...layers.keys()].join());
      return { conv1 };
    });
    const program = await network.load(plan);
    await program.run({ images });
    const maps = program.read('conv1');
    const weights = network.session.readVariable('fc.weight');
    return wanted.map((k, n) => {
      const cam = new Array<number>(AREA).fill(0);
      for (let c = 0; c < 2; c++) {
        const at = (i: number) => maps[(n * 2 + c) * AREA + i];
        const passes = (i: number) => activated || at(i) > 0;
        let alpha = 0;
        for (let i = 0; i < AREA; i++) if (passes(i)) alpha += weights[(k * 2 + c) * AREA + i] / AREA;
        for (let i = 0; i < AREA; i++) cam[i] += alpha * (activated ? Math.max(at(i), 0) : at(i));
      }
      return cam;
    });
  }

  it('weighs maps by mean gradients and keeps what speaks for the class', async () => {
    const network = networkOf(small);
    const expected = await byHand(network);
    const maps = await explained(network, 'grad-cam', images, wanted);
    expect(maps).toHaveLength(count);
    for (const [n, { map, steps }] of maps.entries()) {
      close(
        map.values,
        expected[n].map((x) => Math.max(x, 0)),
      );
      expect(steps).toEqual([]);
    }
    expect(expected.flat().some((x) => x < -1e-3) && expected.flat().some((x) => x > 1e-3)).toBe(true);
    const signed = await explained(network, 'grad-cam', images, wanted, { relu: false });
    for (const [n, { map }] of signed.entries()) close(map.values, expected[n]);
  });

  it('looks behind the activation where it is asked to', async () => {
    const network = networkOf(small);
    const expected = await byHand(network, true);
    const explainer = await METHODS['grad-cam'].open(network, {
      ...EXPLAIN_DEFAULTS,
      activated: true,
      relu: false,
    });
    expect(explainer.layer).toBe('conv1, activated');
    for (const [n, { map }] of (await explainer.explain(images, wanted)).entries())
      close(map.values, expected[n]);
    // Behind the last convolution of SCNN, a max-pool comes before the ReLU.
    const pooled = networkOf(findSystem('scnn'), 3, { T: 1 });
    const behind = await METHODS['grad-cam'].open(pooled, {
      ...EXPLAIN_DEFAULTS,
      activated: true,
      layer: 'conv1',
    });
    expect((await behind.explain(drawn(1, 3), [0]))[0].map.width).toBe(SIDE / 2);
    await expect(
      explained(pooled, 'grad-cam', drawn(1, 3), [0], { activated: true, layer: 'lif1' }),
    ).rejects.toThrow('expected a layer with a ReLU or ELU behind it, got lif1');
  });

  it('of loss and probability follows from those of the logits', async () => {
    // The gradient of −ln p_k is Σ_j (p_j − [j = k]) of that of logit j.
    const network = networkOf(small);
    const one = images.subarray(0, AREA);
    const { probabilities } = await (await openAsking(network))(one);
    const of = async (k: number, score: 'logit' | 'loss' | 'probability') =>
      (await explained(network, 'grad-cam', one, [k], { relu: false, score }))[0].map.values;
    const logits = [await of(0, 'logit'), await of(1, 'logit'), await of(2, 'logit')];
    const loss = logits[0].map((_, i) =>
      logits.reduce((sum, map, j) => sum + (probabilities[j] - Number(j === 1)) * map[i], 0),
    );
    close(await of(1, 'loss'), loss);
    close(
      await of(1, 'probability'),
      loss.map((x) => -probabilities[1] * x),
    );
  });

  it('names the nearest layer', async () => {
    await expect(explained(networkOf(small), 'grad-cam', images, wanted, { layer: 'conv2' })).rejects.toThrow(
      '--layer: expected a layer with maps, got conv2; did you mean conv1? There are conv1',
    );
  });

  it('of a layer with time gives a map a step that add up', async () => {
    const network = networkOf(findSystem('scnn'), 3, { T: 3 });
    const [{ map, steps }] = await explained(network, 'grad-cam', drawn(1, 3), [1], { relu: false });
    expect(steps).toHaveLength(3);
    close(
      map.values,
      map.values.map((_, i) => steps.reduce((sum, step) => sum + step.values[i], 0)),
    );
    expect(map.values.some((x) => x !== 0)).toBe(true);
  });
});

describe('occlusion', () => {
  it('covers every pixel as often', () => {
    const area = { height: 8, width: 8 };
    const patches = patchesOver(area, 4, 2);
    const ones = patches.map(() => 1);
    expect(patches).toHaveLength(25);
    expect(new Set(occlusionMap(area, patches, 4, ones).values)).toEqual(new Set([1]));
    const first = patches.map((_, p) => Number(p === 0));
    // The first patch shows its lower right 2×2; each pixel lies under four.
    const values = [...occlusionMap(area, patches, 4, first).values];
    expect(values.filter((x) => x === 0.25)).toHaveLength(4);
    expect(values[0] + values[1] + values[8] + values[9]).toBe(1);
  });

  it('of a linear score is what lies under the patch', async () => {
    const network = networkOf(linear);
    const image = drawn(1);
    const [{ map }] = await explained(network, 'occlusion', image, [2], {
      ...{ patch: 1, fill: 'black', score: 'logit' },
    });
    const weights = network.session.readVariable('fc.weight').subarray(2 * AREA);
    close(
      map.values,
      image.map((x, i) => x * weights[i]),
    );
  });

  it('shows images that see each other one at a time', async () => {
    // Alone, an image is its own mean: whatever is hidden of it, no score changes.
    const [{ map }] = await explained(networkOf(centred), 'occlusion', drawn(1), [2], {
      ...{ patch: 1, fill: 'black', score: 'logit' },
    });
    close(map.values, new Float32Array(AREA));
  });

  it('refuses a stride that leaves gaps', async () => {
    await expect(
      explained(networkOf(linear), 'occlusion', drawn(1), [0], { patch: 2, stride: 3 }),
    ).rejects.toThrow('a stride of at most the patch, got a patch of 2 and a stride of 3');
  });
});

describe('spikes', () => {
  it('are counted over time', async () => {
    const image = new Float32Array(2 * AREA);
    image[5] = 2;
    image[AREA + 6] = 2;
    const [{ map, steps }] = await explained(networkOf(spiking, 2), 'spike-count', image, [0]);
    // Of two channels one fires, at three steps.
    expect([...map.values].map((x, i) => [i, x]).filter(([, x]) => x > 0)).toEqual([
      [5, 1.5],
      [6, 1.5],
    ]);
    expect(steps.map(({ values }) => values[5])).toEqual([0.5, 0.5, 0.5]);
  });

  it('that suppress count the other way round, in the last attention', async () => {
    const side = 16;
    const options = { width: 4, reduction: 4, normalization: 'none' };
    const network = networkOf(findSystem('biasnn'), 3, options, side);
    const explainer = await METHODS['spike-count'].open(network, EXPLAIN_DEFAULTS);
    expect(explainer.layer).toBe('attention6.alif');
    const [{ map, steps }] = await explainer.explain(drawn(1, 3, side), [0]);
    expect([map.height, map.width, steps.length]).toEqual([4, 4, 4]);
    // From [0, 1] no membrane with τ = ½ passes the threshold of 1 at the first step: all is let through.
    expect([...steps[0].values]).toEqual(new Array(16).fill(1));
    expect(Math.min(...map.values)).toBeLessThan(4);
    const others = await METHODS['spike-count'].open(network, { ...EXPLAIN_DEFAULTS, layer: 'block5.lif1' });
    expect((await others.explain(drawn(1, 3, side), [0]))[0].steps[0].values.some((x) => x < 1)).toBe(true);
  });

  it('in quick succession are hot', () => {
    const trains = [
      [1, 1, 0, 1],
      [1, 0, 0, 0],
    ];
    const shape = { steps: 4, channels: 1, height: 1, width: 2 };
    const maps = spikeActivation((t, _, i) => trains[i][t] === 1, shape, 0.5);
    const e = (n: number) => Math.exp(-0.5 * n);
    close(maps[0].values, [0, 0]);
    close(maps[1].values, [e(1), 0]);
    close(maps[2].values, [0, 0]);
    close(maps[3].values, [e(3) + e(2), 0]);
  });

  it('are looked for before a method is offered', () => {
    expect(methodsFor(networkOf(small).spec)).toEqual(['grad-cam', 'occlusion']);
    expect(methodsFor(networkOf(spiking).spec)).toEqual(Object.keys(METHODS));
  });

  it('are missed in a network without', async () => {
    await expect(explained(networkOf(small), 'spike-activation', drawn(1), [0])).rejects.toThrow(
      'expected a network with a spiking layer with maps, got one without',
    );
  });
});

it('scores of answers are those that are traced', async () => {
  const answers = await (await openAsking(networkOf(linear)))(drawn(1));
  const p = scoreOf('probability', answers, 0, 1, CLASSES);
  expect(scoreOf('loss', answers, 0, 1, CLASSES)).toBeCloseTo(-Math.log(p), 5);
  expect(scoreOf('logit', answers, 0, 1, CLASSES)).toBe(answers.logits[1]);
});

describe('filler()', () => {
  const shape = { channels: 1, height: 6, width: 8 };
  it('blurs without changing what is even, or the sum far from edges', () => {
    const even = new Float32Array(48).fill(0.3);
    close(filler('blurred', even, shape), even);
    const spot = new Float32Array(33 * 33);
    spot[16 * 33 + 16] = 1;
    const soft = filler('blurred', spot, { channels: 1, height: 33, width: 33 });
    expect(soft.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 4);
    expect(soft[16 * 33 + 16]).toBeLessThan(0.1);
    expect(soft[16 * 33 + 14]).toBeCloseTo(soft[14 * 33 + 16], 6);
  });
  it('takes the mean of each channel', () => {
    const two = Float32Array.of(0, 1, 2, 4);
    expect([...filler('mean', two, { channels: 2, height: 1, width: 2 })]).toEqual([0.5, 0.5, 3, 3]);
  });
});
