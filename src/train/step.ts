/**
 * The two plans that a run needs: one step of training, and one of evaluation, each for a fixed batch size.
 * Both work on the same variables, which a session knows by name.
 */
import { compile } from '../compile/compile.ts';
import { differentiate } from '../compile/differentiate.ts';
import type { Plan } from '../compile/plan.ts';
import { f32 } from '../graph/value.ts';
import type { TrainingSettings } from '../models/settings.ts';
import type { System } from '../models/system.ts';
import { Net } from '../nn/net.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { reduceMean } from '../ops/reduce.ts';
import { applyOptimizer } from './optimizer.ts';

export interface NetworkSpec {
  readonly system: System;
  /** Options of the system, complete. */
  readonly options: unknown;
  readonly classes: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Seed of the initial weights. */
  readonly seed: number;
}

/** Name of the output that holds a spiking layer's firing rate (share of neurons that fire a step). */
export function rateOutput(layer: string): string {
  return `rate:${layer}`;
}

export interface TracedStep {
  readonly plan: Plan;
  readonly net: Net;
}

/**
 * One training step. Inputs: `images` f32 [N, C, H, W] in [0, 1], `labels` i32 [N], `lr`, for Adam `step`,
 * and `rng` i32 [2] where something is drawn. Outputs: `loss`, `probabilities` [N, K], a rate a spiking layer.
 * @param classWeights one weight a class, or null
 */
export function trainingStep(
  spec: NetworkSpec,
  settings: TrainingSettings,
  batchSize: number,
  classWeights: Float32Array | null,
): TracedStep {
  const { net, loss } = traceLoss(spec, settings, batchSize, classWeights, true);
  const gradients = differentiate(loss, net.parameters);
  const before = net.graph.nodes.length;
  applyOptimizer(net.graph, gradients, settings.optimizer, net.framework);
  const guards = [loss, ...gradients.values()];
  const firstUpdate = net.graph.nodes[before];
  return { net, plan: compile(net.graph, { name: `train ${spec.system.name}`, guards, firstUpdate }) };
}

/** One evaluation step. Inputs `images` and `labels`, and `rng` for drawn encodings; outputs as in training. */
export function evaluationStep(spec: NetworkSpec, settings: TrainingSettings, batchSize: number): TracedStep {
  const { net } = traceLoss(spec, settings, batchSize, null, false);
  return { net, plan: compile(net.graph, { name: `evaluate ${spec.system.name}` }) };
}

function traceLoss(
  spec: NetworkSpec,
  settings: TrainingSettings,
  batchSize: number,
  classWeights: Float32Array | null,
  training: boolean,
) {
  const { system, classes, channels, height, width, seed } = spec;
  const net = new Net({ framework: system.framework, training, seed });
  const image = net.graph.input('images', f32([batchSize, channels, height, width]));
  const labels = net.graph.input('labels', { dtype: 'i32', shape: [batchSize], time: null, format: 'flat' });
  const options = system.options.parse(spec.options);
  const logits = system.build(net, { image, classes }, options);
  const { loss, probabilities } = crossEntropy(logits, labels, {
    classWeights: classWeights ? net.graph.constant([classes], classWeights) : null,
    weighting: net.framework.name === 'keras' ? 'batch' : 'normalized',
    labelSmoothing: settings.labelSmoothing,
  });
  net.graph.output('loss', loss);
  net.graph.output('probabilities', probabilities);
  for (const [layer, spikes] of net.spikes) {
    const axes = spikes.shape.map((_, axis) => axis);
    net.graph.output(rateOutput(layer), reduceMean(spikes, { axes, time: true }));
  }
  return { net, loss };
}
