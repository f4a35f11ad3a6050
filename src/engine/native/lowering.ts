/**
 * Which kernels execute which op: one row an op. A new op does not compile until it has its row here.
 */
import type { Loop, Step } from '../../compile/plan.ts';
import type { OpName } from '../../ops/table.ts';
import type { KernelCall, Lower, Stored } from './kernel-call.ts';
import * as alif from './lower-alif.ts';
import * as attention from './lower-attention.ts';
import * as conv from './lower-conv.ts';
import * as dense from './lower-dense.ts';
import * as elementwise from './lower-elementwise.ts';
import * as layout from './lower-layout.ts';
import * as loops from './lower-loop.ts';
import * as matmul from './lower-matmul.ts';
import * as neuron from './lower-neuron.ts';
import * as norm from './lower-norm.ts';
import * as softmax from './lower-softmax.ts';
import * as training from './lower-training.ts';

const LOWERINGS: Record<OpName, Lower> = {
  conv2d: conv.lowerConv2d,
  conv2dGradInput: conv.lowerConv2dGradInput,
  conv2dGradWeight: conv.lowerConv2dGradWeight,
  dense: dense.lowerDense,
  denseGradInput: dense.lowerDenseGradInput,
  denseGradWeight: dense.lowerDenseGradWeight,
  matmul: matmul.lowerMatmul,
  batchNorm: norm.lowerBatchNorm,
  batchNormGrad: norm.lowerBatchNormGrad,
  relu: elementwise.lowerRelu,
  reluGrad: attention.lowerReluGrad,
  elu: elementwise.lowerElu,
  eluGrad: elementwise.lowerEluGrad,
  sigmoid: elementwise.lowerSigmoid,
  sigmoidGrad: elementwise.lowerSigmoidGrad,
  softmax: softmax.lowerSoftmax,
  softmaxGrad: softmax.lowerSoftmaxGrad,
  add: attention.lowerAdd,
  mul: attention.lowerMul,
  affine: elementwise.lowerAffine,
  cast: elementwise.lowerCast,
  maxPool2d: layout.lowerMaxPool2d,
  maxPool2dGrad: layout.lowerMaxPool2dGrad,
  avgPool2d: layout.lowerAvgPool2d,
  avgPool2dGrad: layout.lowerAvgPool2dGrad,
  adaptiveAvgPool2d: layout.lowerAdaptiveAvgPool2d,
  adaptiveAvgPool2dGrad: layout.lowerAdaptiveAvgPool2dGrad,
  reduceSum: elementwise.lowerReduceSum,
  reduceMean: attention.lowerReduceMean,
  reduceMax: attention.lowerReduceMax,
  reduceMaxGrad: attention.lowerReduceMaxGrad,
  broadcastTo: elementwise.lowerBroadcastTo,
  reshape: layout.lowerReshape,
  concat: layout.lowerConcat,
  slice: layout.lowerSlice,
  sliceGrad: layout.lowerSliceGrad,
  dropout: training.lowerDropout,
  neuron: neuron.lowerNeuron,
  neuronGrad: neuron.lowerNeuronGrad,
  alif: alif.lowerAlif,
  alifGrad: alif.lowerAlifGrad,
  suppress: alif.lowerSuppress,
  minMax: alif.lowerMinMax,
  minMaxGrad: alif.lowerMinMaxGrad,
  rateEncode: training.lowerRateEncode,
  latencyEncode: training.lowerLatencyEncode,
  crossEntropy: training.lowerCrossEntropy,
  crossEntropyGrad: training.lowerCrossEntropyGrad,
  rowErrors: training.lowerRowErrors,
  rowErrorsGrad: training.lowerRowErrorsGrad,
  microBatch: loops.lowerMicroBatch,
  joinMicro: loops.lowerJoinMicro,
  sumMicro: loops.lowerSumMicro,
  sgd: training.lowerSgd,
  adam: training.lowerAdam,
};

/** The kernel calls of a step, to be run in order. */
export function lowerStep(step: Step, stored: Stored, loop: Loop | null, keeps: boolean): KernelCall[] {
  return LOWERINGS[step.root.op.name as OpName](step, stored, loop, keeps);
}
