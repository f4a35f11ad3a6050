/**
 * The public face of Soma as a library.
 *
 * Build networks from `nn` functions on a `Net`, compile them to plans, run plans on an engine; or open a run
 * and evaluate it. The command line is built from the same parts.
 */

/** With which the options of a system are written: https://zod.dev. */
export { z } from 'zod';
export { type CompileOptions, compile } from './compile/compile.ts';
export { differentiate } from './compile/differentiate.ts';
export type { Placement, Plan, Step } from './compile/plan.ts';
export { type AugmentOptions, withAugmentedCopies } from './data/augment.ts';
export { classWeights } from './data/balance.ts';
export { type CheckOptions, checkDataset, type DataReport } from './data/check.ts';
export type { Dataset, ImageSource, Split } from './data/dataset.ts';
export type { ImageShape } from './data/image.ts';
export { type Batch, type LoadOptions, loadBatches } from './data/loader.ts';
export { type OpenOptions, openDataset } from './data/open.ts';
export { relabelled } from './data/relabel.ts';
export { type RelabelLog, readRelabelLog } from './data/relabel-log.ts';
export { imageValues, readImageFile } from './data/single.ts';
export { openSmear, type SmearDataset, type SmearOptions, type SmearSource } from './data/smear/source.ts';
export type { Engine, Feed, Fetched, Program, RunResult, Session } from './engine/engine.ts';
export { type OpenEngineOptions, openEngine } from './engine/select.ts';
export { SomaError } from './errors.ts';
export {
  type Asked,
  type ExplainedImage,
  type ExplainRequest,
  explainImages,
  type MethodMap,
  type ShownImage,
} from './explain/explain.ts';
export { type Faithfulness, type FaithfulnessOptions, measureFaithfulness } from './explain/faithfulness.ts';
export type { HeatMap } from './explain/heat-map.ts';
export { EXPLAIN_DEFAULTS, type ExplainOptions } from './explain/method.ts';
export { METHODS, type MethodName } from './explain/methods.ts';
export { type Network, networkOf } from './explain/network.ts';
export { Graph, stopGradient } from './graph/graph.ts';
export type { TensorType, Value, Variable } from './graph/value.ts';
export { f32 } from './graph/value.ts';
export { findLabelIssues, type LabelIssues } from './measure/confident-learning.ts';
export { type LabelQuality, labelQuality } from './measure/label-quality.ts';
export { type Metrics, measure } from './measure/metrics.ts';
export { comparePaired, type PairedComparison } from './measure/paired.ts';
export type { Predictions } from './measure/predictions.ts';
export { openSystem } from './models/own-system.ts';
export { findSystem, registerSystem, SYSTEMS } from './models/registry.ts';
export { type PretrainingSettings, settings, type TrainingSettings } from './models/settings.ts';
export { defineSystem, type Pretraining, type Problem, type System } from './models/system.ts';
export type { Reset } from './neurons/neuron.ts';
export {
  arctan,
  fastSigmoid,
  rectangle,
  type Surrogate,
  straightThrough,
  surrogate,
  triangle,
} from './neurons/surrogate.ts';
export { type ChannelAttentionOptions, channelAttention } from './nn/attention/channel-attention.ts';
export { type DotProductOptions, dotProductAttention } from './nn/attention/dot-product-attention.ts';
export {
  type ElementwiseAttentionOptions,
  elementwiseAttention,
  positionAttention,
  scalarAttention,
} from './nn/attention/elementwise-attention.ts';
export { type MapAttentionOptions, mapAttention } from './nn/attention/map-attention.ts';
export { type SpatialAttentionOptions, spatialAttention } from './nn/attention/spatial-attention.ts';
export {
  type SpikeAttentionOptions,
  spikeAttention,
} from './nn/attention/spike-attention.ts';
export {
  SPIKING_ATTENTION,
  SPIKING_ATTENTION_NAMES,
  type SpikingAttentionName,
  type SpikingAttentionOptions,
} from './nn/attention/spiking-table.ts';
export { type SqueezeExciteOptions, squeezeExcite } from './nn/attention/squeeze-excite.ts';
export {
  ATTENTION,
  ATTENTION_NAMES,
  type AttentionName,
  type AttentionOptions,
} from './nn/attention/table.ts';
export { type ConvNormOptions, convNorm } from './nn/conv-norm.ts';
export { constant, glorotUniform, heNormal, type Initializer, torchUniform } from './nn/init.ts';
export {
  type BatchNormLayerOptions,
  batchNorm,
  type ConvLayerOptions,
  type ConvTransposeLayerOptions,
  conv,
  convTranspose,
  type DenseLayerOptions,
  dense,
  dropout,
  globalAvgPool,
  globalMaxPool,
} from './nn/layers.ts';
export { type Framework, Net, type NetOptions } from './nn/net.ts';
export { type ImageStatistics, normalizeImage } from './nn/normalize.ts';
export { ALIF, type AlifConstants, type AlifOptions, alif } from './nn/spiking/alif.ts';
export { type Encoding, encode } from './nn/spiking/encode.ts';
export { type LifOptions, lif, type SpikingOutput } from './nn/spiking/lif.ts';
export { ceCountLoss, type Readout, readOut } from './nn/spiking/readout.ts';
export { adaptiveAvgPool2d } from './ops/adaptive-pool.ts';
export { concat, slice } from './ops/concat.ts';
export { type CrossEntropyOptions, crossEntropy } from './ops/cross-entropy.ts';
export { add, affine, elu, mul, relu, sigmoid } from './ops/elementwise.ts';
export { matmul } from './ops/matmul.ts';
export { minMax } from './ops/min-max.ts';
export { avgPool2d, maxPool2d, type PoolOptions } from './ops/pool.ts';
export {
  broadcastTo,
  flatten,
  type ReduceOptions,
  reduceMax,
  reduceMean,
  reduceSum,
  reshapeTo,
} from './ops/reduce.ts';
export { meanSquaredError, type RowErrors } from './ops/row-errors.ts';
export { softmax } from './ops/softmax.ts';
export { suppress } from './ops/suppress.ts';
export { type Random, random } from './random.ts';
export { type RunConfig, VERSION } from './train/config.ts';
export { openData } from './train/data.ts';
export { measureEnergy, type RunEnergy, type RunEnergyOptions } from './train/energy.ts';
export type { Evaluation } from './train/evaluate.ts';
export { type Evaluator, type EvaluatorOptions, openEvaluator } from './train/evaluator.ts';
export {
  type Observed,
  type ObserveOptions,
  type Observer,
  observationStep,
  observe,
} from './train/observation.ts';
export {
  configure,
  initialWeights,
  loadPredictor,
  openRunData,
  type RunRequest,
  specOf,
} from './train/open-run.ts';
export { beginPass } from './train/pass.ts';
export { pretrainingStep, reconstructionStep } from './train/reconstruction-step.ts';
export type { EpochRecord } from './train/record.ts';
export { RunFolder } from './train/run-folder.ts';
export { measureSpikes, type RunSpikes, type SpikeOptions } from './train/spikes.ts';
export {
  evaluationStep,
  type NetworkSpec,
  predictionStep,
  type TracedStep,
  trainingStep,
} from './train/step.ts';
export { type TrainOptions, type TrainResult, train } from './train/train.ts';
export { type LoadedWeights, loadWeights, openWeights, type WeightsFile } from './train/weights.ts';
