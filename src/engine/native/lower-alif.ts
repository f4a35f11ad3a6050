/** Adaptive neurons and what stands around them in an attention block, lowered to alif.cc and min_max.cc. */
import { isBlocked } from '../../compile/layout.ts';
import { mismatch } from '../../errors.ts';
import { describe, type Node, size, type Value } from '../../graph/value.ts';
import { SURROGATES } from '../../neurons/surrogate.ts';
import type { AlifAttrs } from '../../ops/alif.ts';
import type { MinMaxAttrs } from '../../ops/min-max.ts';
import type { KernelCall, Lower, Stored } from './kernel-call.ts';
import { flag, images, needed, temporary } from './kernel-call.ts';

function blocked(node: Node, index: number): Value {
  const value = needed(node, index);
  if (!isBlocked(value))
    throw mismatch(
      `native ${node.op.name}()`,
      'a map of more than 4 channels',
      describe(value),
      'make that layer wider, or compute with --engine reference',
    );
  return value;
}

function alifCall(kernel: string, root: Node, buffers: KernelCall['buffers']): KernelCall[] {
  const { tau, threshold, adaptTau, adaptStep, rule, adapts, surrogate } = root.attrs as AlifAttrs;
  const current = blocked(root, 0);
  const ints = [current.time ?? 1, ...current.shape, flag(rule === 'cumulative'), flag(adapts)];
  return [
    {
      kernel,
      buffers,
      ints: [...ints, SURROGATES.indexOf(surrogate.kind)],
      floats: [tau, threshold, 1 / adaptTau, adaptStep, surrogate.parameter, surrogate.scale],
    },
  ];
}

const kept = (root: Node, i: number, stored: Stored) => stored(root.outputs[i]) ?? temporary(root.outputs[i]);

export const lowerAlif: Lower = ({ root }, stored) =>
  alifCall('alif', root, [needed(root, 0), needed(root, 1), kept(root, 0, stored), kept(root, 1, stored)]);

export const lowerAlifGrad: Lower = ({ root }) =>
  alifCall('alif_grad', root, [needed(root, 0), needed(root, 1), needed(root, 2), root.outputs[0]]);

export const lowerSuppress: Lower = ({ root }) => {
  const [x, spikes] = [needed(root, 0), needed(root, 1)];
  const [n, ...map] = spikes.shape;
  const ints = [spikes.time ?? 1, n, ...map, flag(x.time !== null)];
  return [{ kernel: 'suppress', buffers: [x, spikes, root.outputs[0]], ints }];
};

function minMaxCall(kernel: string, root: Node, buffers: KernelCall['buffers']): KernelCall[] {
  const { eps, inverted } = root.attrs as MinMaxAttrs;
  const x = blocked(root, 0);
  const ints = [images(x), x.shape[1], size(x.shape.slice(2)), flag(inverted)];
  return [{ kernel, buffers, ints, floats: [eps] }];
}

export const lowerMinMax: Lower = ({ root }) =>
  minMaxCall('min_max', root, [needed(root, 0), root.outputs[0]]);

export const lowerMinMaxGrad: Lower = ({ root }) =>
  minMaxCall('min_max_grad', root, [needed(root, 0), needed(root, 1), root.outputs[0]]);
