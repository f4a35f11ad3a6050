/** All conformance cases: a list an op, which does not compile until every op has one. */
import type { OpName } from '../../ops/table.ts';
import type { Case } from './case.ts';
import * as alif from './cases-alif.ts';
import * as conv from './cases-conv.ts';
import * as dense from './cases-dense.ts';
import * as elementwise from './cases-elementwise.ts';
import { fusedCases } from './cases-fused.ts';
import * as layout from './cases-layout.ts';
import * as loop from './cases-loop.ts';
import { matmulCases } from './cases-matmul.ts';
import * as neuron from './cases-neuron.ts';
import { normCases } from './cases-norm.ts';
import { softmaxCases, softmaxGradCases } from './cases-softmax.ts';
import * as training from './cases-training.ts';

export const OP_CASES: Record<OpName, Case[]> = {
  conv2d: conv.conv2dCases,
  conv2dGradInput: conv.conv2dGradInputCases,
  conv2dGradWeight: conv.conv2dGradWeightCases,
  dense: dense.denseCases,
  denseGradInput: dense.denseGradInputCases,
  denseGradWeight: dense.denseGradWeightCases,
  matmul: matmulCases,
  batchNorm: elementwise.batchNormCases,
  batchNormGrad: elementwise.batchNormGradCases,
  relu: elementwise.reluCases,
  reluGrad: elementwise.reluGradCases,
  elu: elementwise.eluCases,
  eluGrad: elementwise.eluGradCases,
  sigmoid: elementwise.sigmoidCases,
  sigmoidGrad: elementwise.sigmoidGradCases,
  softmax: softmaxCases,
  softmaxGrad: softmaxGradCases,
  add: elementwise.addCases,
  mul: elementwise.mulCases,
  affine: elementwise.affineCases,
  cast: elementwise.castCases,
  maxPool2d: layout.maxPool2dCases,
  maxPool2dGrad: layout.maxPool2dGradCases,
  avgPool2d: layout.avgPool2dCases,
  avgPool2dGrad: layout.avgPool2dGradCases,
  adaptiveAvgPool2d: layout.adaptiveAvgPool2dCases,
  adaptiveAvgPool2dGrad: layout.adaptiveAvgPool2dGradCases,
  reduceSum: elementwise.reduceSumCases,
  reduceMean: elementwise.reduceMeanCases,
  reduceMax: elementwise.reduceMaxCases,
  reduceMaxGrad: elementwise.reduceMaxGradCases,
  broadcastTo: elementwise.broadcastToCases,
  reshape: layout.reshapeCases,
  concat: layout.concatCases,
  slice: layout.sliceCases,
  sliceGrad: layout.sliceGradCases,
  dropout: training.dropoutCases,
  neuron: neuron.neuronCases,
  neuronGrad: neuron.neuronGradCases,
  alif: alif.alifCases,
  alifGrad: alif.alifGradCases,
  suppress: alif.suppressCases,
  minMax: alif.minMaxCases,
  minMaxGrad: alif.minMaxGradCases,
  rateEncode: training.rateEncodeCases,
  latencyEncode: training.latencyEncodeCases,
  crossEntropy: training.crossEntropyCases,
  crossEntropyGrad: training.crossEntropyGradCases,
  rowErrors: training.rowErrorsCases,
  rowErrorsGrad: training.rowErrorsGradCases,
  microBatch: loop.microBatchCases,
  joinMicro: loop.joinMicroCases,
  sumMicro: loop.sumMicroCases,
  sgd: training.sgdCases,
  adam: training.adamCases,
};

export const FUSED_CASES = { ...fusedCases, ...loop.loopCases, ...normCases };
