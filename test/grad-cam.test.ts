/**
 * Grad-CAM at the last convolution, on the native engine, against PyTorch and pytorch-grad-cam, on the same weights
 * (golden/torch_grad_cam.py). The reference engine, to which that one is held elsewhere, would take minutes.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../src/engine/native/addon.ts';
import { openEngine } from '../src/engine/select.ts';
import { gradCam } from '../src/explain/grad-cam.ts';
import { NORMALIZATIONS, rectified, resizeBilinear } from '../src/explain/heat-map.ts';
import { EXPLAIN_DEFAULTS } from '../src/explain/method.ts';
import type { Network } from '../src/explain/network.ts';
import { findSystem } from '../src/models/registry.ts';
import { predictionStep } from '../src/train/step.ts';
import { pattern } from './golden/pattern.ts';

interface Golden {
  readonly classes: readonly number[];
  /** Of each image, in the size of the layer, without ReLU. */
  readonly raw: readonly number[][];
  /** Of the first image, enlarged and in [0, 1]. */
  readonly heat: readonly number[];
}

const golden: Record<string, Golden> = JSON.parse(
  readFileSync(new URL('golden/torch-grad-cam.json', import.meta.url), 'utf8'),
);
const SIZE = 24;
const STEPS = 4;
const BATCH = 3;
/** Where the last convolution is not what is explained by default. */
const LAYERS: Readonly<Record<string, string>> = { scnn: 'conv2' };

function networkOf(name: string): Network {
  const system = findSystem(name);
  const options = name === 'scnn' ? { T: STEPS } : {};
  const spec = { system, options, classes: 8, height: SIZE, width: SIZE, channels: 3, seed: 0 };
  const session = openEngine({ engine: 'native' }).createSession();
  const { net, plan } = predictionStep(spec, 1);
  session.load(plan);
  const is = (kind: RegExp) => net.variables.filter((variable) => kind.test(variable.name));
  for (const [i, { name: weight, shape }] of is(/\.(weight|bias)$/).entries()) {
    const fanIn = shape.length > 1 ? shape.slice(1).reduce((product, n) => product * n, 1) : 16;
    session.writeVariable(weight, pattern(shape, 1.5 / Math.sqrt(fanIn), i));
  }
  for (const [i, { name: statistic, shape }] of is(/\.running_(mean|var)$/).entries())
    session.writeVariable(statistic, pattern(shape, 0.3, i, i % 2));
  return { spec, session, load: async (of) => session.load(of) };
}

const loaded = loadAddon();
if ('failure' in loaded) console.warn(`grad-cam: ${loaded.failure}`);

describe.skipIf('failure' in loaded)('Grad-CAM', () => {
  it.each(Object.keys(golden))('of %s', async (system) => {
    const network = networkOf(system);
    const { classes, raw, heat } = golden[system];
    const { explain } = await gradCam.open(network, {
      ...EXPLAIN_DEFAULTS,
      layer: LAYERS[system],
      relu: false,
    });
    const explained = await explain(pattern([BATCH, 3, SIZE, SIZE], 0.5, 0.3, 0.5), classes);
    for (const [n, { map }] of explained.entries()) {
      expect(map.values).toHaveLength(raw[n].length);
      const largest = Math.max(...raw[n].map(Math.abs));
      map.values.forEach((x, i) => {
        expect(Math.abs(x - raw[n][i]) / largest, `image ${n}, pixel ${i}`).toBeLessThan(1e-4);
      });
    }
    const shown = resizeBilinear(NORMALIZATIONS['min-max'](rectified(explained[0].map)), SIZE, SIZE);
    shown.values.forEach((x, i) => {
      expect(Math.abs(x - heat[i])).toBeLessThan(2e-4);
    });
    network.session.close();
  });
});
