/** Neurons over time, lowered to native/kernels/lif.cc. */
import { fusedNode } from '../../compile/conv-step.ts';
import { spikeGradient } from '../../compile/fuse-neuron.ts';
import { isMap } from '../../compile/layout.ts';
import { otherSummand } from '../../compile/match.ts';
import type { Step } from '../../compile/plan.ts';
import { mismatch } from '../../errors.ts';
import type { Node, Value } from '../../graph/value.ts';
import { describe, size } from '../../graph/value.ts';
import type { RESETS } from '../../neurons/neuron.ts';
import { SURROGATES } from '../../neurons/surrogate.ts';
import type { NeuronName } from '../../neurons/table.ts';
import type { NeuronAttrs } from '../../ops/neuron.ts';
import type { KernelCall, Lower, Stored } from './kernel-call.ts';
import { flag, needed, temporary } from './kernel-call.ts';
import { attentionOperands } from './lower-attention.ts';

/** The number by which the kernels know a kind of reset. */
const RESET_NUMBER = { subtract: 0, zero: 1, none: 2 } satisfies Record<(typeof RESETS)[number], number>;

function lifInts(root: Node, reluGrad: boolean): { ints: number[]; floats: number[] } {
  const attrs = root.attrs as NeuronAttrs;
  const [current, beta, threshold] = [needed(root, 0), needed(root, 1), needed(root, 2)];
  if (!isMap(current) && current.shape.length !== 2)
    throw mismatch('native neuron()', 'a current of maps or rows', describe(current));
  const perChannel = (parameter: Value) => flag(parameter.shape.length === 1);
  const pixels = isMap(current) ? size(current.shape.slice(2)) : 0;
  const { surrogate } = attrs;
  return {
    ints: [
      ...[current.shape[0], current.shape[1], pixels, attrs.steps, flag(current.time !== null)],
      ...[perChannel(beta), perChannel(threshold), RESET_NUMBER[attrs.reset], flag(attrs.resetDelay)],
      ...[SURROGATES.indexOf(surrogate.kind), flag(reluGrad)],
    ],
    floats: [surrogate.parameter, surrogate.scale],
  };
}

/** The current as it is stored, and behind the other buffers what normalises it on the way. */
function currentOf(step: Step): { current: Value; norm: (Value | null)[] } {
  const norm = fusedNode(step, 'batchNormApply');
  if (!norm) return { current: needed(step.root, 0), norm: [null, null, null, null] };
  return { current: needed(norm, 0), norm: [1, 2, 3, 4].map((i) => needed(norm, i)) };
}

interface NeuronKernels {
  forward(step: Step, stored: Stored): KernelCall;
  backward(step: Step, stored: Stored): KernelCall;
}

/** One row a neuron model, as in src/neurons/table.ts; null: only the reference engine runs it. */
const NEURON_KERNELS: Record<NeuronName, NeuronKernels | null> = {
  lif: {
    forward: (step, stored) => {
      const { root } = step;
      const { current, norm } = currentOf(step);
      return {
        kernel: 'lif',
        buffers: [
          ...[current, needed(root, 1), needed(root, 2)],
          // The kernel always writes spikes, also where only the membrane is read.
          stored(root.outputs[0]) ?? temporary(root.outputs[0]),
          stored(root.outputs[1]),
          ...norm,
        ],
        ...lifInts(root, false),
      };
    },
    backward: (step, stored) => {
      const { root } = step;
      const { current, norm } = currentOf(step);
      const sums = fusedNode(step, 'batchNormSums');
      const follows = sums ? undefined : step.nodes[step.nodes.indexOf(root) + 1];
      const masks = follows?.op.name === 'reluGrad';
      const [dCurrent, dBeta, dThreshold] = root.outputs;
      const ofSpikes = spikeGradient(root, (node) => step.nodes.includes(node));
      const attention = attentionOperands(ofSpikes ?? {});
      const argmax = ofSpikes?.argmax ?? null;
      const { ints, floats } = lifInts(root, masks);
      return {
        kernel: 'lif_grad',
        buffers: [
          ...[current, needed(root, 1), needed(root, 2)],
          ofSpikes?.g ?? null,
          root.inputs[4] ?? null,
          ...[(follows ?? root).outputs[0], dBeta, dThreshold].map(stored),
          ...norm,
          follows && !masks ? otherSummand(follows, dCurrent) : null,
          ...[argmax, ...attention.buffers],
          ...[sums?.outputs[0], sums?.outputs[1]].map(stored),
        ],
        ints: [...ints, argmax ? dCurrent.shape[3] : 0, ...attention.strides],
        floats: [...floats, attention.factor],
      };
    },
  },
};

function kernelsOf({ attrs }: Node): NeuronKernels {
  const { model } = attrs as NeuronAttrs;
  const kernels = NEURON_KERNELS[model];
  if (kernels) return kernels;
  throw mismatch('neuron()', 'a neuron with a native kernel', model, 'compute with --engine reference');
}

export const lowerNeuron: Lower = (step, stored) => [kernelsOf(step.root).forward(step, stored)];

export const lowerNeuronGrad: Lower = (step, stored) => [kernelsOf(step.root).backward(step, stored)];
