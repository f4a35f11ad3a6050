/** The plans of a pre-training that makes images again: a step of training, and one that shows what comes out. */
import { compile } from '../compile/compile.ts';
import { EXIT, SomaError } from '../errors.ts';
import type { PretrainingSettings } from '../models/settings.ts';
import type { Pretraining } from '../models/system.ts';
import { meanSquaredError } from '../ops/row-errors.ts';
import { begin, descend, type ForwardRequest, type NetworkSpec, type TracedStep } from './step.ts';

/**
 * One step of pre-training on the mean squared error between the images and what the network makes of them. Inputs:
 * `images` f32 [N, C, H, W] in [0, 1], `lr`, for Adam `step`, and `rng` i32 [2] where something is drawn. Outputs:
 * `loss`, and the mean `squared` and `absolute` error of each image [N].
 */
export function pretrainingStep(
  spec: NetworkSpec,
  settings: PretrainingSettings,
  batchSize: number,
): TracedStep {
  const { net, loss } = trace({ spec, batchSize, training: true });
  return descend({ net, loss, total: loss }, settings.optimizer, `pre-train ${spec.system.name}`);
}

/** What the pre-trained network makes of `images`: outputs `reconstruction` [N, C, H, W], `squared` and `absolute` [N]. */
export function reconstructionStep(spec: NetworkSpec, batchSize: number): TracedStep {
  const { net, reconstruction } = trace({ spec, batchSize, training: false });
  net.graph.output('reconstruction', reconstruction);
  return { net, plan: compile(net.graph, { name: `reconstruct ${spec.system.name}` }) };
}

function trace(request: ForwardRequest) {
  const { net, images, options } = begin(request);
  const { spec } = request;
  const reconstruction = pretrainingOf(spec).build(net, { image: images, classes: spec.classes }, options);
  const { loss, errors } = meanSquaredError(reconstruction, images);
  net.graph.output('squared', errors.squared);
  net.graph.output('absolute', errors.absolute);
  if (request.training) net.graph.output('loss', loss);
  return { net, loss, reconstruction };
}

/** The system's pre-training; throws where it has none. */
export function pretrainingOf({ system }: NetworkSpec): Pretraining {
  if (system.pretraining) return system.pretraining;
  throw new SomaError(
    `pre-training: expected a system that has one, got ${system.name}; leave it out with --set pretraining=null`,
    EXIT.usage,
  );
}
