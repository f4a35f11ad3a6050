/**
 * A plan as the words that the add-on loads: all kernel calls in one Int32Array. native/program.h describes
 * the format.
 */
import { ALIGNMENT, align, storageBytes } from '../../compile/layout.ts';
import type { Plan, Step } from '../../compile/plan.ts';
import type { Value } from '../../graph/value.ts';
import type { Accumulator, KernelCall, Temporary } from './kernel-call.ts';
import { lowerStep } from './lowering.ts';

const VERSION = 3;
const REGION = {
  none: 0,
  variables: 1,
  arena: 2,
  io: 3,
  temporary: 4,
  micro: 5,
  prepared: 6,
  slots: 7,
} as const;
const PHASE = { normal: 0, prepare: 1, finish: 2 } as const;

export interface EncodedPlan {
  readonly words: Int32Array;
  /** Names of the kernels, in the order of their numbers in the words. */
  readonly kernels: readonly string[];
}

/** Gives out memory, a place for each object that asks. */
class Places<T extends object> {
  private readonly places = new Map<T, number>();
  private next: number;

  constructor(start = 0) {
    this.next = start;
  }

  of(key: T, bytes: number): number {
    const known = this.places.get(key);
    if (known !== undefined) return known;
    const offset = this.next;
    this.places.set(key, offset);
    this.next += align(bytes);
    return offset;
  }

  get bytes(): number {
    return this.next;
  }
}

/** @param variableIndex index of a variable in the session, by its name */
export function encodePlan(plan: Plan, variableIndex: (name: string) => number): EncodedPlan {
  const { loop } = plan;
  const kernels = new Map<string, number>();
  const kernelIndex = (name: string) => {
    const known = kernels.get(name) ?? kernels.size;
    kernels.set(name, known);
    return known;
  };
  const prepared = new Places<Temporary>();
  const slots = new Places<Accumulator>();
  let temporaryBytes = 0;
  let microBytes = plan.microBytes;
  const placed = (value: Value): number[] => {
    const placement = plan.placements.get(value);
    if (!placement) throw new Error(`native engine: value ${value.id} has no place in the plan ${plan.name}`);
    const { region, offset, stride } = placement;
    if (region === 'variables') return [REGION.variables, variableIndex(variableName(value)), 0];
    return [REGION[region], offset / ALIGNMENT, stride];
  };
  const stored = (value: Value | undefined) => (value && plan.placements.has(value) ? value : null);

  const encodeStep = (step: Step, index: number): number[][] => {
    const looping = loop !== null && index >= loop.first && index < loop.end;
    // Weights that do not change while the program runs are packed once; else just before they are used.
    const keeps = looping || !updates(plan);
    const calls = lowerStep(step, stored, looping ? loop : null, keeps);
    const kept = keeps ? preparedPlaces(calls, plan) : new Set();
    const temporaries = new Places<Temporary>(looping ? plan.microBytes : 0);
    const buffer = (place: Place | null): number[] => {
      if (!place) return [REGION.none, 0, 0];
      if ('slotBytes' in place)
        return [
          REGION.slots,
          slots.of(place, place.slotBytes * (loop?.slots ?? 0)) / ALIGNMENT,
          place.slotBytes,
        ];
      if (!('temporaryBytes' in place)) return placed(place);
      if (kept.has(place)) return [REGION.prepared, prepared.of(place, place.temporaryBytes) / ALIGNMENT, 0];
      const offset = temporaries.of(place, place.temporaryBytes) / ALIGNMENT;
      return [looping ? REGION.micro : REGION.temporary, offset, 0];
    };
    const words = calls.map((call) => [
      ...[index, phaseOf(call, kept), kernelIndex(call.kernel)],
      ...[call.buffers.length, call.ints.length, call.floats?.length ?? 0],
      ...call.buffers.flatMap(buffer),
      ...call.ints,
      ...(call.floats ?? []).map(floatBits),
    ]);
    if (looping) microBytes = Math.max(microBytes, temporaries.bytes);
    else temporaryBytes = Math.max(temporaryBytes, temporaries.bytes);
    return words;
  };

  const floats = (value: Value) => [...placed(value), storageBytes(value) / Float32Array.BYTES_PER_ELEMENT];
  const guards = plan.guards.map(floats);
  const checks = plan.steps.flatMap((step, i) =>
    step.outputs.filter(({ dtype }) => dtype === 'f32').map((value) => [i, ...floats(value)]),
  );
  const calls = plan.steps.flatMap(encodeStep);
  const header = [
    ...[VERSION, plan.steps.length, plan.updatesFrom],
    ...[loop?.first ?? 0, loop?.end ?? 0, loop?.count ?? 0, loop?.slots ?? 0],
    ...[temporaryBytes, microBytes, prepared.bytes, slots.bytes].map((bytes) => bytes / ALIGNMENT),
    ...[guards.length, checks.length, calls.length],
  ];
  const words = [header, ...guards, ...checks, ...calls].flat();
  for (const word of words)
    if (!Number.isInteger(word) || word !== (word | 0))
      throw new Error(`native engine: ${word} is not a 32-bit integer in the plan ${plan.name}`);
  return { words: Int32Array.from(words), kernels: [...kernels.keys()] };
}

type Place = Value | Temporary | Accumulator;

/** What calls write that prepare weights from variables, and not from what another step makes of them. */
function preparedPlaces(calls: readonly KernelCall[], plan: Plan): Set<Place> {
  const places = new Set<Place>();
  for (const { prepares, buffers } of calls) {
    if (!prepares) continue;
    const values = buffers.filter((place): place is Value => place !== null && 'source' in place);
    if (!values.every((value) => plan.placements.get(value)?.region === 'variables')) continue;
    for (const place of buffers) if (place && 'temporaryBytes' in place) places.add(place);
  }
  return places;
}

function phaseOf({ prepares, finishes, buffers }: KernelCall, kept: ReadonlySet<unknown>): number {
  if (prepares && buffers.some((place) => kept.has(place))) return PHASE.prepare;
  return finishes ? PHASE.finish : PHASE.normal;
}

/** Whether a run of the plan changes variables. */
export function updates(plan: Plan): boolean {
  return plan.steps.some(({ nodes }) => nodes.some(({ op, attrs }) => (op.mutates?.(attrs).length ?? 0) > 0));
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
