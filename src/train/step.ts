/**
 * The plans that a run needs: a step of training, one of evaluation, and one that only predicts, each for a fixed
 * batch size. All work on the same variables, which a session knows by name.
 */
import { compile } from '../compile/compile.ts';
import { planBytes, stepCost } from '../compile/cost.ts';
import { differentiate } from '../compile/differentiate.ts';
import { rowsAreIndependent } from '../compile/loop.ts';
import type { Plan } from '../compile/plan.ts';
import { EXIT, mismatch, SomaError } from '../errors.ts';
import { describe, f32, type Value } from '../graph/value.ts';
import { parsed } from '../models/parsed.ts';
import { systemFile } from '../models/registry.ts';
import type { TrainingSettings } from '../models/settings.ts';
import type { System } from '../models/system.ts';
import { Net } from '../nn/net.ts';
import { crossEntropy } from '../ops/cross-entropy.ts';
import { affine } from '../ops/elementwise.ts';
import { joinMicro, microBatch, sumMicro } from '../ops/micro-batch.ts';
import { reduceMean } from '../ops/reduce.ts';
import { softmax } from '../ops/softmax.ts';
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
  /** See `Net`: ReLU in place of spiking neurons, and no time. */
  readonly twin?: boolean;
}

/** Name of the output that holds a spiking layer's firing rate (share of neurons that fire a step). */
export function rateOutput(layer: string): string {
  return `rate:${layer}`;
}

export interface TracedStep {
  readonly plan: Plan;
  readonly net: Net;
}

export interface StepOptions {
  /** Micro-batches that a batch is run in; a divisor of the batch size. Default: what `microBatches` chooses. */
  readonly microBatches?: number;
}

interface EvaluationStepOptions extends StepOptions {
  /** Dropout, batch statistics and noise are on, as in training. */
  readonly training?: boolean;
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
  options: StepOptions = {},
): TracedStep {
  const request = { spec, settings, batchSize, classWeights, training: true };
  // The sum of the weights drawn is known for a whole batch only.
  const separable = !classWeights || weightingOf(spec.system) === 'batch';
  const count = options.microBatches ?? (separable ? microBatches(request, compileTraining) : 1);
  return compileTraining(request, count);
}

/** One evaluation step. Inputs `images` and `labels`, and `rng` where something is drawn; outputs as in training. */
export function evaluationStep(
  spec: NetworkSpec,
  settings: TrainingSettings,
  batchSize: number,
  { training = false, ...options }: EvaluationStepOptions = {},
): TracedStep {
  const request = { spec, settings, batchSize, classWeights: null, training };
  const count = options.microBatches ?? microBatches(request, compileEvaluation);
  return compileEvaluation(request, count);
}

/** What validation runs after each epoch: an evaluation step, of the network as the settings say. */
export function validationStep(spec: NetworkSpec, settings: TrainingSettings, batchSize: number): TracedStep {
  return evaluationStep(spec, settings, batchSize, { training: settings.validationMode === 'training' });
}

/**
 * What a trained network is used by: input `images`, and `rng` for drawn encodings; output `probabilities`. No
 * labels, no loss, no rates; any batch size, 1 included.
 */
export function predictionStep(spec: NetworkSpec, batchSize: number, options: StepOptions = {}): TracedStep {
  const request = { spec, batchSize, training: false };
  const count = options.microBatches ?? microBatches(request, compilePrediction);
  return compilePrediction(request, count);
}

/** No axis of a network is as long by chance. */
const SOME_IMAGES = 97;

/** Whether what a network makes of an image in evaluation may depend on others in its batch, or on its place there. */
export function imagesMeet(spec: NetworkSpec): boolean {
  const { net } = traceForward({ spec, batchSize: SOME_IMAGES, training: false }, 1);
  return !rowsAreIndependent(net.graph.nodes, SOME_IMAGES);
}

export interface ForwardRequest {
  readonly spec: NetworkSpec;
  readonly batchSize: number;
  readonly training: boolean;
}

interface StepRequest extends ForwardRequest {
  readonly settings: TrainingSettings;
  readonly classWeights: Float32Array | null;
}

function compileTraining(request: StepRequest, count: number): TracedStep {
  const { spec, settings } = request;
  return descend(traceLoss(request, count), settings.optimizer, `train ${spec.system.name}`, count);
}

/** A network with what it is to make small, over a micro-batch and over the batch. */
export interface TracedLoss {
  readonly net: Net;
  readonly loss: Value;
  readonly total: Value;
}

/** The step that lowers a loss: its gradients, summed over micro-batches, and the updates behind their guards. */
export function descend(
  { net, loss, total }: TracedLoss,
  optimizer: TrainingSettings['optimizer'],
  name: string,
  count = 1,
): TracedStep {
  const gradients = new Map<Value, Value>();
  for (const [parameter, g] of differentiate(loss, net.trainable))
    gradients.set(
      parameter,
      net.graph.scoped(layerOf(parameter), () => summed(g, count)),
    );
  const before = net.graph.nodes.length;
  applyOptimizer(net.graph, gradients, optimizer, net.framework);
  const guards = [total, ...gradients.values()];
  const firstUpdate = net.graph.nodes[before];
  return { net, plan: compile(net.graph, { name, guards, firstUpdate }) };
}

function compileEvaluation(request: StepRequest, count: number): TracedStep {
  const { net } = traceLoss(request, count);
  return { net, plan: compile(net.graph, { name: `evaluate ${request.spec.system.name}` }) };
}

function compilePrediction(request: ForwardRequest, count: number): TracedStep {
  const { net, logits } = traceForward(request, count);
  net.graph.output('probabilities', joined(softmax(logits), count));
  const images = net.graph.inputs.get('images');
  // Where there is a NaN in an image a dense network says so; neurons and pools make an ordinary answer of it.
  const guards = images && net.spikes.size > 0 ? [images] : [];
  return { net, plan: compile(net.graph, { name: `predict ${request.spec.system.name}`, guards }) };
}

/** What a processor's second-level cache holds. */
const CACHE_BYTES = 2 ** 20;
/** Micro-batches that are left for threads to share. */
const SHARED = 16;

/**
 * How many micro-batches a batch is run in, each by one thread and while it is in the cache of its core. Spiking networks need
 * much memory for each image, because every value has T steps: they run so forward and back. Dense ones do where nothing is
 * trained, an image fits that cache, and the maps of a micro-batch outweigh the weights, which each reads anew. Where a row
 * depends on others (BatchNorm in training), the batch stays whole.
 */
function microBatches<R extends ForwardRequest>(
  request: R,
  compiled: (request: R, count: number) => TracedStep,
): number {
  const { batchSize, training } = request;
  const { net } = traceForward(request, 1);
  const dense = net.spikes.size === 0;
  if ((dense && training) || !rowsAreIndependent(net.graph.nodes, batchSize)) return 1;
  const one = compiled({ ...request, batchSize: 1 }, 1).plan;
  const most = Math.min(CACHE_BYTES / one.arenaBytes, batchSize / SHARED);
  const rows = largestDivisor(batchSize, Math.max(1, Math.floor(most)));
  return dense && (most < 1 || !mapsOutweighWeights(one, rows)) ? 1 : batchSize / rows;
}

/** Whether steps over so many rows move more bytes of maps than of weights; `one` is their plan for one row. */
function mapsOutweighWeights(one: Plan, rows: number): boolean {
  const moved = one.steps.reduce((sum, step) => sum + stepCost(step).bytes, 0);
  const { variables } = planBytes(one, 1);
  return rows * (moved - variables) > variables;
}

function largestDivisor(n: number, most: number): number {
  let divisor = Math.max(1, Math.min(n, most));
  while (n % divisor !== 0) divisor--;
  return divisor;
}

function layerOf({ source }: Value): string {
  return source.kind === 'variable' ? source.variable.name.replace(/\.[^.]*$/, '') : '';
}

/** A micro-batch of what the whole batch is fed. */
function cut(x: Value, count: number): Value {
  return count === 1 ? x : microBatch(x, count);
}

/** The rows of all micro-batches. */
function joined(x: Value, count: number): Value {
  return count === 1 ? x : joinMicro(x, count);
}

/** The sum over `count` micro-batches. */
function summed(x: Value, count: number): Value {
  return count === 1 ? x : sumMicro(x, count);
}

function traceForward(request: ForwardRequest, count: number) {
  const { net, images, options } = begin(request);
  const { system, classes } = request.spec;
  const logits = built(system, () => system.build(net, { image: cut(images, count), classes }, options));
  const rows = request.batchSize / count;
  if (logits?.shape?.join() !== `${rows},${classes}` || logits.time !== null || logits.dtype !== 'f32')
    throw mismatch(
      `build() of ${system.name}`,
      `a value for each of the ${classes} classes, f32 [${rows}×${classes}]`,
      logits?.shape ? describe(logits) : 'no value',
      ...(logits?.shape && logits.time !== null ? ['read the spikes out first: readOut()'] : []),
    );
  return { net, logits };
}

/** What a user's module throws is the user's to mend; of Soma's own systems it is a defect. */
function built<R>(system: System, body: () => R): R {
  try {
    return body();
  } catch (error) {
    if (error instanceof SomaError || !systemFile(system.name)) throw error;
    throw new SomaError(
      `build() of ${system.name}: expected a network, got ${(error as Error)?.message ?? error}; mend ${systemFile(system.name)?.path}`,
      EXIT.usage,
      { cause: error },
    );
  }
}

/** A network with nothing but its images, and the options it is to be built with. */
export function begin({ spec, batchSize, training }: ForwardRequest) {
  const { system, channels, height, width, seed, twin } = spec;
  const net = new Net({ framework: system.framework, training, seed, twin });
  const images = net.graph.input('images', f32([batchSize, channels, height, width]));
  return { net, images, options: parsed(system.options, spec.options, `options of ${system.name}`) };
}

function traceLoss(request: StepRequest, count: number) {
  const { spec, settings, batchSize, classWeights } = request;
  const { net, logits } = traceForward(request, count);
  const labels = net.graph.input('labels', { dtype: 'i32', shape: [batchSize], time: null, format: 'flat' });
  /** A mean over a micro-batch, as its share of the mean over the batch. */
  const share = (x: Value) => (count === 1 ? x : affine(x, 1 / count));
  const entropy = crossEntropy(logits, cut(labels, count), {
    classWeights: classWeights ? net.graph.constant([spec.classes], classWeights) : null,
    weighting: weightingOf(spec.system),
    labelSmoothing: settings.labelSmoothing,
  });
  const loss = share(entropy.loss);
  const total = summed(loss, count);
  net.graph.output('loss', total);
  net.graph.output('probabilities', joined(entropy.probabilities, count));
  for (const [layer, spikes] of net.spikes) {
    const axes = spikes.shape.map((_, axis) => axis);
    const rate = reduceMean(spikes, { axes, time: true });
    net.graph.output(rateOutput(layer), summed(share(rate), count));
  }
  return { net, loss, total };
}

function weightingOf({ framework }: System): 'batch' | 'normalized' {
  return framework === 'keras' ? 'batch' : 'normalized';
}
