/**
 * Looking into a trained network: a plan whose outputs are whatever an observer makes of the values inside, such as the
 * spikes of a layer, the share that an attention lets through, or the gradient of a score by a feature map.
 */
import { compile } from '../compile/compile.ts';
import type { Value } from '../graph/value.ts';
import type { Net } from '../nn/net.ts';
import { softmax } from '../ops/softmax.ts';
import { argmax, evaluationBatch } from './evaluate.ts';
import type { EvaluatorOptions } from './evaluator.ts';
import { loadPlan, specOf } from './open-run.ts';
import { begin, imagesMeet, type NetworkSpec, type TracedStep } from './step.ts';
import { forEachBatch, type Visit } from './visit.ts';

/** A network in evaluation, as an observer finds it: its spiking layers are `net.spikes`. */
export interface Observed {
  readonly net: Net;
  /** [N, C, H, W] in [0, 1]. */
  readonly images: Value;
  /** [N, K], before the softmax. */
  readonly logits: Value;
  /**
   * What each layer gives, by its name, e.g. `conv1`, `stage2.block1.lif`, in the order of their ends; of neurons the spikes.
   * A layer that is made of others ends with them.
   */
  readonly layers: ReadonlyMap<string, Value>;
}

/** Outputs by name. `probabilities` [N, K] is there without asking. */
export type Observer = (observed: Observed) => Readonly<Record<string, Value>>;

/** Inputs: `images`, `rng` for drawn encodings, and those that the observer adds to `net.graph`. */
export function observationStep(spec: NetworkSpec, batchSize: number, observer: Observer): TracedStep {
  const { net, images, options } = begin({ spec, batchSize, training: false });
  const { system, classes } = spec;
  const logits = system.build(net, { image: images, classes }, options);
  const outputs = observer({ net, images, logits, layers: layersOf(net) });
  net.graph.output('probabilities', softmax(logits));
  for (const [name, value] of Object.entries(outputs)) net.graph.output(name, value);
  return { net, plan: compile(net.graph, { name: `observe ${system.name}` }) };
}

function layersOf({ graph }: Net): Map<string, Value> {
  const layers = new Map<string, Value>();
  for (const { scope, outputs } of graph.nodes) {
    const parts = scope.split('.');
    for (let n = 1; n <= parts.length && scope; n++) {
      const name = parts.slice(0, n).join('.');
      // Taken out first, so that it moves to the end.
      layers.delete(name);
      layers.set(name, outputs[0]);
    }
  }
  return layers;
}

export interface ObserveOptions extends EvaluatorOptions {
  readonly onProgress?: (done: number, total: number) => void;
}

/** Images in a batch where they do not see each other: few, because each has T steps. */
const FEW = 16;

/** Shows a split to the network of a run, and each batch with what was observed to `see`. */
export async function observe(
  options: ObserveOptions,
  observer: Observer,
  see: (visit: Visit) => Promise<void>,
): Promise<void> {
  const { run, config, session, weights, dataset, split } = options;
  const spec = specOf(config);
  const planFor = (images: number) => observationStep(spec, images, observer).plan;
  // Where images see each other, they are in the batches of an evaluation.
  const evaluated = evaluationBatch(dataset.splits[split].length);
  const batchSize = imagesMeet(spec) ? evaluated : Math.min(FEW, evaluated);
  const program = await loadPlan(run, config, session, weights, planFor(batchSize));
  const remainder = (images: number) => session.load(planFor(images));
  await forEachBatch({ ...options, program, remainder, seed: config.seed }, see);
}

/** What a network says of an image. */
export interface Verdict {
  /** In the split. */
  readonly index: number;
  readonly label: number;
  readonly predicted: number;
  /** [K]. */
  readonly probabilities: readonly number[];
}

/** Of each image of a batch that was observed. */
export function verdicts({ program, batch, done }: Visit): Verdict[] {
  const scores = program.read('probabilities');
  const classes = scores.length / batch.size;
  return Array.from(batch.labels, (label, i) => {
    const probabilities = [...scores.subarray(i * classes, (i + 1) * classes)];
    return { index: done + i, label, predicted: argmax(probabilities), probabilities };
  });
}
