/** Parsing of option values; a wrong one is a usage error that says what would be right. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import { SPLITS, type Split } from '../data/dataset.ts';
import type { SplitRatios } from '../data/split.ts';
import { ENGINES, type EngineChoice } from '../engine/select.ts';
import { EXIT, nearest, SomaError } from '../errors.ts';
import { parsed } from '../models/parsed.ts';
import { settingsSchema, type TrainingSettings } from '../models/settings.ts';
import type { System } from '../models/system.ts';
import { MOST_SEED } from '../random.ts';
import { FORMATS, type Format } from '../report/tables.ts';

export function positiveInt(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('Expected a whole number above 0.');
  return n;
}

export function seedNumber(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 0 || n > MOST_SEED)
    throw new InvalidArgumentError(`Expected a whole number from 0 to ${MOST_SEED}.`);
  return n;
}

/** Seeds with commas between them. */
export function seedNumbers(text: string): number[] {
  return words(text).map(seedNumber);
}

/** Words with commas between them. */
export function words(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

export function positiveNumber(text: string): number {
  const n = Number(text);
  if (!(n > 0) || !Number.isFinite(n)) throw new InvalidArgumentError('Expected a number above 0.');
  return n;
}

export function shareBelowOne(text: string): number {
  const share = Number(text);
  if (!(share > 0 && share < 1)) throw new InvalidArgumentError('Expected a share above 0 and below 1.');
  return share;
}

/** Forms of tables with commas between them. */
export function formatList(text: string): Format[] {
  return words(text).map((word) => {
    const format = FORMATS.find((each) => each === word);
    if (!format) throw new InvalidArgumentError(`Expected ${FORMATS.join(', ')} with commas between them.`);
    return format;
  });
}

/** The option of every command that leaves a report. */
export function withFormat(command: Command): Command {
  return command.option(
    '--format <list>',
    'write the tables of the report beside it as md, json or csv, e.g. md,csv',
    formatList,
    [],
  );
}

/** Shares of train, val and test with slashes between them. */
export function splitRatios(text: string): SplitRatios {
  const shares = text.split('/').map(Number);
  const [train, val, test] = shares;
  if (shares.length !== 3 || !shares.every((share) => share >= 0 && Number.isFinite(share)) || train === 0)
    throw new InvalidArgumentError('Expected three shares as in 80/10/10, the first above 0.');
  return { train, val, test };
}

/** A part and the number of parts with a slash between them. */
export function foldNumber(text: string): { number: number; of: number } {
  const [number, of] = text.split('/').map(Number);
  if (!/^\d+\/\d+$/.test(text) || of < 2 || number < 1 || number > of)
    throw new InvalidArgumentError('Expected a part and the number of parts, as in 1/5.');
  return { number, of };
}

export function splitList(text: string): Split[] {
  return words(text).map((word) => {
    const split = SPLITS.find((each) => each === word);
    if (!split) throw new InvalidArgumentError(`Expected some of ${SPLITS.join(',')}.`);
    return split;
  });
}

export function channelCount(text: string): 1 | 3 {
  if (text !== '1' && text !== '3') throw new InvalidArgumentError('Expected 1 or 3.');
  return text === '1' ? 1 : 3;
}

export interface EngineOptions {
  readonly engine: EngineChoice;
  readonly threads?: number;
  readonly isa?: string;
}

/** The options of every command that computes. */
export function withEngine(command: Command): Command {
  return command
    .addOption(new Option('--engine <name>', 'engine that computes').choices(ENGINES).default('auto'))
    .option('--threads <n>', 'threads of the engine (default: all processors)', positiveInt)
    .addOption(
      new Option('--isa <name>', 'force an instruction set').choices(['avx512', 'avx2', 'baseline', 'neon']),
    );
}

/** Which weights of a run a command looks at. */
export function weightsOption(): Option {
  const text = 'of the best epoch or the last (default: as trained)';
  return new Option('--weights <which>', text).choices(['best', 'last']);
}

/** Collects repeated `--set key=value`. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

export interface Overrides {
  readonly options: Record<string, unknown>;
  readonly settings: TrainingSettings;
}

/**
 * Applies `--set key=value` to the options of a system, which have defaults, and its training settings. Values are JSON where that
 * parses, else text; `optimizer.kind=sgd` reaches inside. Throws with the nearest key where there is none.
 */
export function applySets(
  system: System,
  base: TrainingSettings,
  sets: readonly string[],
  baseOptions: Readonly<Record<string, unknown>> = {},
): Overrides {
  const optionKeys = keysOf(system.options);
  const settingKeys = keysOf(settingsSchema);
  const options: Record<string, unknown> = { ...baseOptions };
  let settings: Record<string, unknown> = { ...base };
  // A kind first: it starts its object anew.
  for (const set of [...sets].sort((a, b) => Number(isKind(b)) - Number(isKind(a)))) {
    const at = set.indexOf('=');
    if (at < 1) throw usage(`--set: expected key=value, got ${set}`);
    const path = set.slice(0, at).split('.');
    const value = parseValue(set.slice(at + 1));
    if (path.length === 1 && optionKeys.includes(path[0])) options[path[0]] = value;
    else if (path[0] === 'pretraining' && !system.pretraining && value !== null)
      throw usage(
        `--set: expected settings of ${system.name}, got ${path.join('.')}; it has no pre-training`,
      );
    else if (settingKeys.includes(path[0])) settings = assign(settings, path, value);
    else {
      const known = [...optionKeys, ...settingKeys];
      const near = nearest(path[0], known);
      const advice = near ? `did you mean ${near}?` : `known are ${known.join(', ')}`;
      throw usage(
        `--set: expected an option of ${system.name} or a training setting, got ${path[0]}; ${advice}`,
      );
    }
  }
  const checked = {
    options: parsed(system.options, options, `options of ${system.name}`) as Record<string, unknown>,
    settings: parsed(settingsSchema, settings, 'training settings') as TrainingSettings,
  };
  const { monitor, earlyStopping } = checked.settings;
  const watches = sets.some((set) => set.startsWith('earlyStopping.monitor='));
  if (watches && monitor !== null && earlyStopping && earlyStopping.monitor !== monitor)
    throw usage(
      `--set: expected one thing to be watched, got earlyStopping.monitor=${earlyStopping.monitor} and monitor=${monitor}, ` +
        'which decides what is the best epoch and ends the patience; set monitor',
    );
  return checked;
}

/** `--set key=value` of a command that hands them on to `soma train`, which checks them. */
export function setRecord(sets: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    sets.map((set) => {
      const at = set.indexOf('=');
      if (at < 1) throw usage(`--set: expected key=value, got ${set}`);
      return [set.slice(0, at), parseValue(set.slice(at + 1))];
    }),
  );
}

const isKind = (set: string) => /^[^=]*\.kind=/.test(set);

function usage(message: string): SomaError {
  return new SomaError(message, EXIT.usage);
}

function keysOf(schema: z.ZodType): string[] {
  return 'shape' in schema && schema.shape ? Object.keys(schema.shape) : [];
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A copy with `value` at `path`. A change of `kind` starts the object anew, because the other keys belong to the old kind. */
function assign(
  object: Record<string, unknown>,
  [key, ...rest]: string[],
  value: unknown,
): Record<string, unknown> {
  if (rest.length === 0)
    return key === 'kind' && object.kind !== value ? { kind: value } : { ...object, [key]: value };
  const inner = object[key];
  const nested = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {};
  return { ...object, [key]: assign(nested, rest, value) };
}
