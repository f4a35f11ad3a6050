/**
 * What the neurons of a run do over a split, in one pass: exact counts for each step, image and neuron, summed where the
 * network runs; and of a few images every spike of some layers.
 */
import { EXIT, SomaError } from '../errors.ts';
import { size, type Value } from '../graph/value.ts';
import { type LayerSpikes, SpikeTally, type Suppression, suppressions } from '../measure/spikes.ts';
import type { Net } from '../nn/net.ts';
import { reduceSum } from '../ops/reduce.ts';
import type { OpName } from '../ops/table.ts';
import type { EvaluatorOptions } from './evaluator.ts';
import { type Observed, observationStep, observe, type Verdict, verdicts } from './observation.ts';
import { specOf } from './open-run.ts';
import type { NetworkSpec } from './step.ts';
import type { Visit } from './visit.ts';

export interface SpikeOptions extends EvaluatorOptions {
  /** Index of an image in the split whose spikes are to be shown; left out: the first right and the first wrong one. */
  readonly image?: number;
  /** Layers of which they are shown besides the output; left out: the first of maps. */
  readonly layers?: readonly string[];
  readonly onProgress?: (done: number, total: number) => void;
}

/** Every spike of a layer while one image is shown. */
export interface Train {
  /** Without batch and time. */
  readonly shape: readonly number[];
  readonly steps: number;
  /** [T][…shape], 0 or 1. */
  readonly spikes: Uint8Array;
}

export interface ShownImage extends Verdict {
  readonly name: string;
  readonly trains: Readonly<Record<string, Train>>;
}

export interface RunSpikes {
  readonly images: number;
  /** Share of the images that were classified rightly. */
  readonly accuracy: number;
  readonly layers: readonly LayerSpikes[];
  readonly suppressions: readonly Suppression[];
  /** The layer whose neurons are the classes; null where none is. */
  readonly output: string | null;
  readonly shown: readonly ShownImage[];
}

/** @throws SomaError where the network has no neurons that fire */
export async function measureSpikes(options: SpikeOptions): Promise<RunSpikes> {
  const { config, dataset, split } = options;
  const source = dataset.splits[split];
  const spec = specOf(config);
  const about = describeSpikes(spec, options.layers);
  const tallies = about.layers.map(({ name, shape, steps }) => new SpikeTally(name, shape, steps));
  const wanted = wantedImages(options.image);
  const shown: ShownImage[] = [];
  let right = 0;
  await observe(
    options,
    ({ net }) => countsOf(net, about.shown),
    async (visit) => {
      const { program, done } = visit;
      for (const tally of tallies)
        tally.add(program.read(`steps:${tally.layer}`), program.read(`neurons:${tally.layer}`));
      for (const image of verdicts(visit)) {
        if (image.predicted === image.label) right++;
        if (!wanted(image)) continue;
        const trains = Object.fromEntries(
          about.layers.flatMap(({ name, shape, steps }) =>
            about.shown.has(name) ? [[name, trainOf(visit, name, shape, steps, image.index - done)]] : [],
          ),
        );
        shown.push({ ...image, name: source.name(image.index), trains });
      }
    },
  );
  const layers = tallies.map((tally) => tally.result());
  return {
    images: source.length,
    accuracy: right / source.length,
    layers,
    suppressions: suppressions(layers, about.masks),
    output: about.output,
    shown,
  };
}

/** Whether an image is one of those to show. */
function wantedImages(index: number | undefined): (image: Verdict) => boolean {
  if (index !== undefined) return (image) => image.index === index;
  const seen = new Set<boolean>();
  return ({ label, predicted }) => {
    const right = label === predicted;
    if (seen.has(right)) return false;
    seen.add(right);
    return true;
  };
}

function countsOf({ spikes }: Net, shown: ReadonlySet<string>): Record<string, Value> {
  const outputs: Record<string, Value> = {};
  for (const [layer, x] of spikes) {
    outputs[`steps:${layer}`] = reduceSum(x, { axes: x.shape.slice(1).map((_, i) => i + 1) });
    outputs[`neurons:${layer}`] = reduceSum(x, { axes: [0], time: true });
    if (shown.has(layer)) outputs[`spikes:${layer}`] = x;
  }
  return outputs;
}

function trainOf(
  { program, batch }: Visit,
  layer: string,
  shape: readonly number[],
  steps: number,
  row: number,
): Train {
  const all = program.read(`spikes:${layer}`);
  const neurons = size(shape);
  const spikes = new Uint8Array(steps * neurons);
  for (let t = 0; t < steps; t++) {
    const from = (t * batch.size + row) * neurons;
    spikes.set(all.subarray(from, from + neurons), t * neurons);
  }
  return { shape, steps, spikes };
}

interface SpikingLayer {
  readonly name: string;
  /** Without batch and time. */
  readonly shape: readonly number[];
  readonly steps: number;
}

/** What there is to be observed, without weights. */
function describeSpikes(spec: NetworkSpec, wanted: readonly string[] | undefined) {
  let observed: Observed | undefined;
  observationStep(spec, 1, (o) => {
    observed = o;
    return {};
  });
  const net = observed?.net;
  if (!net || net.spikes.size === 0)
    throw new SomaError(
      `soma spikes: expected a network with spiking neurons, got ${spec.system.name}, which has none; ` +
        'scnn, ms-resnet18, biasnn, lasnn, neurallnet and spiking-attention-net have',
      EXIT.usage,
    );
  const layers: SpikingLayer[] = [...net.spikes].map(([name, x]) => ({
    ...{ name, shape: x.shape.slice(1), steps: x.time ?? 1 },
  }));
  const stranger = wanted?.find((name) => !net.spikes.has(name));
  if (stranger !== undefined)
    throw new SomaError(
      `--layers: expected spiking layers of ${spec.system.name}, got ${stranger}; they are ${[...net.spikes.keys()].join(', ')}`,
      EXIT.usage,
    );
  const last = layers[layers.length - 1];
  const output = last.shape.length === 1 && last.shape[0] === spec.classes ? last.name : null;
  const maps = wanted ?? layers.flatMap(({ name, shape }) => (shape.length === 3 ? [name] : [])).slice(0, 1);
  return {
    layers,
    masks: masksOf(net),
    output,
    shown: new Set([...maps, ...(output ? [output] : [])]),
  };
}

const SUPPRESS: OpName = 'suppress';

/** Layers whose spikes suppress, with the name of the block that they belong to. */
function masksOf({ graph, spikes }: Net): Map<string, string> {
  const blocks = new Map(
    graph.nodes.flatMap(({ op, inputs, scope }) => (op.name === SUPPRESS ? [[inputs[1], scope]] : [])),
  );
  return new Map(
    [...spikes].flatMap(([layer, x]) => {
      const block = blocks.get(x);
      return block === undefined ? [] : [[layer, block]];
    }),
  );
}
