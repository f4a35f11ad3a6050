/**
 * Every op. A new one is a file beside this and a row here; an engine that does not know it, or a
 * conformance suite that does not try it, then fails to compile.
 */
import type { OpDef } from '../graph/op.ts';
import { adaptiveAvgPool2dGrad, adaptiveAvgPool2dOp } from './adaptive-pool.ts';
import { alifGrad, alifOp } from './alif.ts';
import { batchNormGrad, batchNormOp } from './batch-norm.ts';
import { concatOp, sliceGrad, sliceOp } from './concat.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight } from './conv2d.ts';
import { crossEntropyGrad, crossEntropyOp } from './cross-entropy.ts';
import { dense, denseGradInput, denseGradWeight } from './dense.ts';
import { dropoutOp } from './dropout.ts';
import {
  addOp,
  affineOp,
  castOp,
  eluGrad,
  eluOp,
  mulOp,
  reluGrad,
  reluOp,
  sigmoidGrad,
  sigmoidOp,
} from './elementwise.ts';
import { latencyEncodeOp, rateEncodeOp } from './encode.ts';
import { matmulOp } from './matmul.ts';
import { joinMicroOp, microBatchOp, sumMicroOp } from './micro-batch.ts';
import { minMaxGrad, minMaxOp } from './min-max.ts';
import { neuronGrad, neuronOp } from './neuron.ts';
import { adamOp, sgdOp } from './optimizer.ts';
import { avgPool2dGrad, avgPool2dOp, maxPool2dGrad, maxPool2dOp } from './pool.ts';
import { broadcastToOp, reduceMaxGrad, reduceMaxOp, reduceMeanOp, reduceSumOp, reshapeOp } from './reduce.ts';
import { rowErrorsGrad, rowErrorsOp } from './row-errors.ts';
import { softmaxGrad, softmaxOp } from './softmax.ts';
import { suppressOp } from './suppress.ts';

export const OPS = {
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
  dense,
  denseGradInput,
  denseGradWeight,
  matmul: matmulOp,
  batchNorm: batchNormOp,
  batchNormGrad,
  relu: reluOp,
  reluGrad,
  elu: eluOp,
  eluGrad,
  sigmoid: sigmoidOp,
  sigmoidGrad,
  softmax: softmaxOp,
  softmaxGrad,
  add: addOp,
  mul: mulOp,
  affine: affineOp,
  cast: castOp,
  maxPool2d: maxPool2dOp,
  maxPool2dGrad,
  avgPool2d: avgPool2dOp,
  avgPool2dGrad,
  adaptiveAvgPool2d: adaptiveAvgPool2dOp,
  adaptiveAvgPool2dGrad,
  reduceSum: reduceSumOp,
  reduceMean: reduceMeanOp,
  reduceMax: reduceMaxOp,
  reduceMaxGrad,
  broadcastTo: broadcastToOp,
  reshape: reshapeOp,
  concat: concatOp,
  slice: sliceOp,
  sliceGrad,
  dropout: dropoutOp,
  neuron: neuronOp,
  neuronGrad,
  alif: alifOp,
  alifGrad,
  suppress: suppressOp,
  minMax: minMaxOp,
  minMaxGrad,
  rateEncode: rateEncodeOp,
  latencyEncode: latencyEncodeOp,
  crossEntropy: crossEntropyOp,
  crossEntropyGrad,
  rowErrors: rowErrorsOp,
  rowErrorsGrad,
  microBatch: microBatchOp,
  joinMicro: joinMicroOp,
  sumMicro: sumMicroOp,
  sgd: sgdOp,
  adam: adamOp,
} satisfies { [name: string]: OpDef };

export type OpName = keyof typeof OPS;
