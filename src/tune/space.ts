/**
 * What a search may choose from: parameters by the names that `--set` takes, each with its values and, for those that
 * make sense with some values of others only, a condition. A space is a JSON file or one of the built-in ones.
 */
import { z } from 'zod';
import { EXIT, mismatch, SomaError } from '../errors.ts';

const json = z.json();
export type Value = z.output<typeof json>;

/** Values of the parameters of a trial, by name and in their order; those whose condition fails are left out. */
export type Point = Readonly<Record<string, Value>>;

/** `{ "optimizer.kind": "sgd" }`, or a list of values of which one has to be taken. */
const when = z.record(z.string(), z.union([json, z.array(json)])).optional();
const scale = z.enum(['linear', 'log']).default('linear');
const LARGEST = 1e9;

const floatSchema = z.strictObject({
  type: z.literal('float'),
  low: z.number(),
  high: z.number(),
  scale,
  /** Distance between values, from `low` on. */
  step: z.number().positive().optional(),
  when,
});
const intSchema = z.strictObject({
  type: z.literal('int'),
  low: z.int().min(-LARGEST),
  high: z.int().max(LARGEST),
  scale,
  step: z.int().positive().default(1),
  when,
});
/** Numbers that are not evenly spaced; near ones are alike. */
const orderedSchema = z.strictObject({
  type: z.literal('ordered'),
  values: z.array(z.number()).min(2),
  when,
});
/** Values of which none is nearer to another. */
const categoricalSchema = z.strictObject({
  type: z.literal('categorical'),
  choices: z.array(json).min(2),
  when,
});

const parameterSchema = z
  .discriminatedUnion('type', [floatSchema, intSchema, orderedSchema, categoricalSchema])
  .superRefine((parameter, context) => {
    const fail = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (parameter.type === 'categorical') {
      const texts = parameter.choices.map(valueText);
      if (new Set(texts).size < texts.length) fail('choices', 'expected each value once');
    } else if (parameter.type === 'ordered') {
      const { values } = parameter;
      if (values.some((value, i) => i > 0 && value <= values[i - 1]))
        fail('values', 'expected rising numbers');
    } else {
      const { low, high, step, scale } = parameter;
      if (!(low < high)) fail('high', `expected more than ${low}, got ${high}`);
      if (scale === 'log' && low <= 0) fail('low', `expected more than 0 on a log scale, got ${low}`);
      if (scale === 'log' && step !== undefined && !(parameter.type === 'int' && step === 1))
        fail('step', 'expected none on a log scale; list the values as ordered');
      if (scale === 'linear' && step !== undefined && low + step > high)
        fail('step', `expected at most ${high - low}, got ${step}`);
    }
  });

export const spaceSchema = z
  .strictObject({
    title: z.string().optional(),
    /** Paper and section, or whose idea it is. */
    source: z.string().optional(),
    /** Name of the system that it is made for; left out: any that has the parameters. */
    system: z.string().optional(),
    /** What all trials share, as `--set` takes it. */
    set: z.record(z.string(), json).default({}),
    parameters: z.record(z.string(), parameterSchema),
  })
  .superRefine(({ set, parameters }, context) => {
    const names = Object.keys(parameters);
    const fail = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
    if (names.length === 0) fail(['parameters'], 'expected one or more');
    for (const [i, name] of names.entries()) {
      if (name in set) fail(['set', name], 'expected what is no parameter');
      for (const [parent, wanted] of Object.entries(parameters[name].when ?? {})) {
        const path = ['parameters', name, 'when', parent];
        const before = names.slice(0, i);
        const known = before.includes(parent) ? finiteValues(parameters[parent]) : undefined;
        if (!before.includes(parent)) fail(path, `expected one of ${before.join(', ') || 'none'} before it`);
        else if (!known) fail(path, 'expected a parameter with a list of values');
        else {
          const texts = known.map(valueText);
          const strange = listOf(wanted).find((value) => !texts.includes(valueText(value)));
          if (strange !== undefined) fail(path, `expected ${texts.join(' or ')}, got ${valueText(strange)}`);
        }
      }
    }
  });

export type Space = z.output<typeof spaceSchema>;
export type Parameter = Space['parameters'][string];

/** Checks a built-in space and fills in defaults; wrong ones fail when the program starts. */
export function defineSpace(space: z.input<typeof spaceSchema>): Space {
  return spaceSchema.parse(space);
}

/** A value as a person writes it: text as it is, everything else as JSON. */
export function valueText(value: Value): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Whether a parameter is chosen where those before it have these values. */
export function isActive({ when = {} }: Parameter, point: Point): boolean {
  return Object.entries(when).every(([parent, wanted]) => {
    const value = point[parent];
    return value !== undefined && listOf(wanted).some((each) => valueText(each) === valueText(value));
  });
}

function listOf(wanted: Value): readonly Value[] {
  return Array.isArray(wanted) ? wanted : [wanted];
}

/** Goes through the parameters in their order and chooses a value for each that is active. */
export function choose({ parameters }: Space, value: (name: string, parameter: Parameter) => Value): Point {
  const point: Record<string, Value> = {};
  for (const [name, parameter] of Object.entries(parameters))
    if (isActive(parameter, point)) point[name] = value(name, parameter);
  return point;
}

/** All values of a parameter; undefined where there is a continuum. */
export function finiteValues(parameter: Parameter): readonly Value[] | undefined {
  if (parameter.type === 'categorical') return parameter.choices;
  if (parameter.type === 'ordered') return parameter.values;
  const { low, high, step } = parameter;
  if (step === undefined) return undefined;
  const count = Math.floor((high - low) / step + 1e-9) + 1;
  return Array.from({ length: count }, (_, i) => tidy(low + i * step));
}

/** Without the dust of binary fractions. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

/** All points of a space, the last parameter fastest; undefined where they are endless or more than `limit`. */
export function allPoints(space: Space, limit: number): Point[] | undefined {
  let points: Point[] = [{}];
  for (const [name, parameter] of Object.entries(space.parameters)) {
    const values = finiteValues(parameter);
    if (!values) return undefined;
    points = points.flatMap((point) =>
      isActive(parameter, point) ? values.map((value) => ({ ...point, [name]: value })) : [point],
    );
    if (points.length > limit) return undefined;
  }
  return points;
}

/**
 * Points that together have the end of every range and every value of a list, each with what it depends on: if a
 * system takes these, it takes what a search can choose, as far as parameters do not depend on each other.
 */
export function extremePoints(space: Space): Point[] {
  const ends = (parameter: Parameter): readonly Value[] =>
    parameter.type === 'categorical' || parameter.type === 'ordered'
      ? (finiteValues(parameter) ?? [])
      : [parameter.low, parameter.high];
  return Object.entries(space.parameters).flatMap(([name, parameter]) =>
    ends(parameter).map((value) => {
      const fixed: Record<string, Value> = { [name]: value };
      for (let at = parameter; at.when; ) {
        const [[parent, wanted], ...others] = Object.entries(at.when);
        for (const [other, values] of others) fixed[other] = listOf(values)[0];
        fixed[parent] = listOf(wanted)[0];
        at = space.parameters[parent];
      }
      return choose(space, (each, of) => (each in fixed ? fixed[each] : ends(of)[0]));
    }),
  );
}

/** The space of a JSON text. Throws a usage error that names what is wrong in it. */
export function parseSpace(text: string, where: string): Space {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SomaError(mismatch(where, 'JSON', (error as Error).message).message, EXIT.usage);
  }
  const parsed = spaceSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'space'}: ${message}`);
  throw new SomaError(`${where}: expected a search space, got ${issues.join('; ')}`, EXIT.usage);
}
