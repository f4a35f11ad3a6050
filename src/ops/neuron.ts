/**
 * A population of neurons run over time: the one op that makes time, and the place where currents become
 * spikes. A current without time is presented at every step.
 *
 * (current [N, C, …], a parameter [] or [C] for each of the model's) → (spikes, membrane), both with time.
 */
import { mismatch } from '../errors.ts';
import { apply } from '../graph/graph.ts';
import type { OpDef, Tensor } from '../graph/op.ts';
import type { TensorType, Value } from '../graph/value.ts';
import { size } from '../graph/value.ts';
import type { NeuronModel, NeuronOptions, Step } from '../neurons/neuron.ts';
import { NEURONS, type NeuronName } from '../neurons/table.ts';
import { toFloat } from './elementwise.ts';
import { expectInput } from './shapes.ts';

export interface NeuronAttrs extends NeuronOptions {
  readonly model: NeuronName;
  /** Number of time steps T. */
  readonly steps: number;
}

function parameterCount(attrs: NeuronAttrs): number {
  return NEURONS[attrs.model].parameters.length;
}

function checkParameter(type: TensorType | null, name: string, current: TensorType): void {
  const rank = type?.shape.length;
  if (rank === 0 || (rank === 1 && type?.shape[0] === current.shape[1])) return;
  throw mismatch('neuron()', `${name} as [] or [${current.shape[1]}]`, type?.shape ?? 'nothing');
}

export const neuronOp: OpDef<NeuronAttrs> = {
  name: 'neuron',
  infer(inputs, attrs) {
    const current = expectInput('neuron', inputs, 0, 'current');
    if (current.shape.length !== 2 && current.shape.length !== 4)
      throw mismatch('neuron()', 'a current [N, C] or [N, C, H, W]', current.shape);
    if (current.time !== null && current.time !== attrs.steps)
      throw mismatch('neuron()', `a current of ${attrs.steps} steps or without time`, `T=${current.time}`);
    if (!Number.isInteger(attrs.steps) || attrs.steps < 1)
      throw mismatch('neuron()', 'one or more time steps', attrs.steps);
    NEURONS[attrs.model].parameters.forEach((name, i) => {
      checkParameter(inputs[i + 1], name, current);
    });
    const membrane = { ...current, time: attrs.steps };
    return [{ ...membrane, dtype: 'spike' }, membrane];
  },
  gradient({ inputs, grads: [gSpikes, gMembrane], attrs }) {
    const count = parameterCount(attrs);
    return apply(neuronGrad, [...inputs.slice(0, count + 1), gSpikes, gMembrane], attrs);
  },
  reference({ inputs: [current, ...parameters], outputs: [spikes, membrane], attrs }) {
    if (!current) return;
    forEachNeuron(current, parameters, attrs, (run) => {
      run.trace.forEach((step, t) => {
        if (spikes) spikes.data[run.at(t)] = step.spike;
        if (membrane) membrane.data[run.at(t)] = step.membrane;
      });
    });
  },
};

/** (current, parameters…, gradient of spikes | null, of membrane | null) → gradients of current and parameters. */
export const neuronGrad: OpDef<NeuronAttrs> = {
  name: 'neuronGrad',
  infer([current, ...rest], attrs) {
    if (!current) throw mismatch('neuronGrad()', 'a current', 'nothing');
    return [current, ...rest.slice(0, parameterCount(attrs))].map((type) => ({ ...(type ?? current) }));
  },
  reference({ inputs: [current, ...rest], outputs: [dCurrent, ...dParameters], attrs }) {
    if (!current) return;
    const count = parameterCount(attrs);
    const parameters = rest.slice(0, count);
    const [gSpikes, gMembrane] = rest.slice(count);
    const timed = current.type.time !== null;
    const sums = dParameters.map((d) => new Float64Array(d?.data.length ?? 0));
    forEachNeuron(current, parameters, attrs, ({ model, values, trace, at, element, parameterIndex }) => {
      let carried = 0;
      let total = 0;
      for (let t = attrs.steps - 1; t >= 0; t--) {
        const upstream = {
          spike: gSpikes ? gSpikes.data[at(t)] : 0,
          membrane: gMembrane ? gMembrane.data[at(t)] : 0,
          carried,
        };
        const before = t > 0 ? trace[t - 1].carried : 0;
        const gradient = model.back(values, before, trace[t], upstream, attrs);
        carried = gradient.carried;
        total += gradient.input;
        if (timed && dCurrent) dCurrent.data[at(t)] = gradient.input;
        gradient.parameters.forEach((g, i) => {
          if (sums[i].length > 0) sums[i][parameterIndex(i)] += g;
        });
      }
      if (!timed && dCurrent) dCurrent.data[element] = total;
    });
    dParameters.forEach((d, i) => {
      d?.data.set(sums[i]);
    });
  },
};

interface NeuronRun {
  readonly model: NeuronModel;
  readonly values: readonly number[];
  readonly trace: readonly Step[];
  /** Index of the neuron within one time step. */
  readonly element: number;
  /** Index of the neuron's value at step t in a timed tensor. */
  at(t: number): number;
  /** Index of the neuron's value of parameter i in its tensor. */
  parameterIndex(i: number): number;
}

function forEachNeuron(
  current: Tensor,
  parameters: readonly (Tensor | null)[],
  attrs: NeuronAttrs,
  visit: (run: NeuronRun) => void,
): void {
  const model = NEURONS[attrs.model];
  const population = size(current.type.shape);
  const inner = size(current.type.shape.slice(2));
  const timed = current.type.time !== null;
  for (let element = 0; element < population; element++) {
    const channel = Math.floor(element / inner) % current.type.shape[1];
    const parameterIndex = (i: number) => (parameters[i]?.type.shape.length ? channel : 0);
    const at = (t: number) => t * population + element;
    const values = model.parameters.map((_, i) => parameters[i]?.data[parameterIndex(i)] ?? 0);
    const trace: Step[] = [];
    let carried = 0;
    for (let t = 0; t < attrs.steps; t++) {
      const step = model.step(values, carried, current.data[timed ? at(t) : element], attrs);
      trace.push(step);
      carried = step.carried;
    }
    visit({ model, values, trace, element, at, parameterIndex });
  }
}

/** Runs neurons over `attrs.steps` steps. `parameters` in the order of the model. */
export function neurons(
  current: Value,
  parameters: readonly Value[],
  attrs: NeuronAttrs,
): { spikes: Value; membrane: Value } {
  const [spikes, membrane] = apply(neuronOp, [toFloat(current), ...parameters], attrs);
  return { spikes, membrane };
}
