/**
 * A plan as the words that the add-on loads: all kernel calls in one Int32Array. native/program.h describes
 * the format.
 */
import { ALIGNMENT, storageBytes } from '../../compile/layout.ts';
import type { Plan } from '../../compile/plan.ts';
import type { Value } from '../../graph/value.ts';
import type { Temporary } from './kernel-call.ts';
import { lowerStep } from './lowering.ts';

const VERSION = 2;
const REGION = { none: 0, variables: 1, arena: 2, io: 3, temporary: 4 } as const;

export interface EncodedPlan {
  readonly words: Int32Array;
  /** Names of the kernels, in the order of their numbers in the words. */
  readonly kernels: readonly string[];
}

/** @param variableIndex index of a variable in the session, by its name */
export function encodePlan(plan: Plan, variableIndex: (name: string) => number): EncodedPlan {
  const kernels = new Map<string, number>();
  const kernelIndex = (name: string) => {
    const known = kernels.get(name) ?? kernels.size;
    kernels.set(name, known);
    return known;
  };
  let temporaryBytes = 0;
  const buffer = (value: Value | Temporary | null): number[] => {
    if (!value) return [REGION.none, 0];
    if ('temporaryBytes' in value) {
      temporaryBytes = Math.max(temporaryBytes, value.temporaryBytes);
      return [REGION.temporary, 0];
    }
    const placement = plan.placements.get(value);
    if (!placement) throw new Error(`native engine: value ${value.id} has no place in the plan ${plan.name}`);
    if (placement.region === 'variables') return [REGION.variables, variableIndex(variableName(value))];
    return [REGION[placement.region], placement.offset / ALIGNMENT];
  };
  const floats = (value: Value) => [...buffer(value), storageBytes(value) / Float32Array.BYTES_PER_ELEMENT];
  const stored = (value: Value | undefined) => (value && plan.placements.has(value) ? value : null);

  const guards = plan.guards.map(floats);
  const checks = plan.steps.flatMap((step, i) =>
    step.outputs.filter(({ dtype }) => dtype === 'f32').map((value) => [i, ...floats(value)]),
  );
  const calls = plan.steps.flatMap((step, i) =>
    lowerStep(step, stored).map((call) => [
      ...[i, kernelIndex(call.kernel), call.buffers.length, call.ints.length, call.floats?.length ?? 0],
      ...call.buffers.flatMap(buffer),
      ...call.ints,
      ...(call.floats ?? []).map(floatBits),
    ]),
  );
  const header = [
    ...[VERSION, plan.steps.length, plan.updatesFrom, temporaryBytes / ALIGNMENT],
    ...[guards.length, checks.length, calls.length],
  ];
  const words = [header, ...guards, ...checks, ...calls].flat();
  for (const word of words)
    if (!Number.isInteger(word) || word !== (word | 0))
      throw new Error(`native engine: ${word} is not a 32-bit integer in the plan ${plan.name}`);
  return { words: Int32Array.from(words), kernels: [...kernels.keys()] };
}

/** The variable that a value is, or that it is another shape of. */
function variableName({ source }: Value): string {
  if (source.kind === 'variable') return source.variable.name;
  const [viewed] = source.kind === 'node' ? source.node.inputs : [];
  if (!viewed) throw new Error('native engine: expected a variable, or a view of one, among the variables');
  return variableName(viewed);
}

function floatBits(x: number): number {
  return new Int32Array(Float32Array.of(x).buffer)[0];
}
