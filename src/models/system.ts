/**
 * The contract of a system: a network of a paper with its options and its published training settings. A
 * new system is one file beside this and a row in the registry.
 */
import type { z } from 'zod';
import type { SplitRatios } from '../data/split.ts';
import type { Value } from '../graph/value.ts';
import type { Framework, Net } from '../nn/net.ts';
import type { TrainingSettings } from './settings.ts';

/** What a system is traced with. */
export interface Problem {
  /** [N, C, H, W] in [0, 1]. */
  readonly image: Value;
  readonly classes: number;
}

/** Names that layers have in files of weights made elsewhere, by our names of the layers. */
export type LayerAliases = Readonly<Record<string, readonly string[]>>;

/**
 * A network that is trained before the system's own, on the same images and without labels: it makes each image again.
 * What both networks have under one name is handed on. Its settings stand in `training.pretraining`.
 */
export interface Pretraining<Schema extends z.ZodType = z.ZodType> {
  /** Name in tables, e.g. auto-encoder. */
  readonly title: string;
  /** Traces the network and returns the images made again, [N, C, H, W]. Throws where an option does not fit. */
  build(net: Net, problem: Problem, options: z.output<Schema>): Value;
}

export interface System<Schema extends z.ZodType = z.ZodType> {
  /** Name on the command line. */
  readonly name: string;
  /** Name in tables and figures. */
  readonly title: string;
  /** What it is, in a few words. */
  readonly summary: string;
  /** Paper and section. */
  readonly source: string;
  /** Parameters or size of the model in the paper's words. */
  readonly reported?: string;
  readonly framework: Framework['name'];
  /** Side of the square input that the paper uses. */
  readonly size: number;
  /** Classes of the data that its figures are of; default: 8, those of blood cells. */
  readonly classes?: number;
  /** That of grey images, where the paper uses another. */
  readonly greySize?: number;
  /**
   * Shares of the splits where they are drawn and the paper has others than 70/10/20. Of data with a test split only the
   * proportion of the other two counts.
   */
  readonly ratios?: SplitRatios;
  /**
   * Options with defaults and descriptions; contradictions of the paper are options here. What was parsed is parsed again when a run
   * is opened: a transform has to take its own results.
   */
  readonly options: Schema;
  /** Settings of the paper. */
  readonly training: TrainingSettings;
  readonly aliases?: LayerAliases;
  readonly pretraining?: Pretraining<Schema>;
  /** Traces the network and returns the logits [N, K]. Throws where an option does not fit. */
  build(net: Net, problem: Problem, options: z.output<Schema>): Value;
}

/** Classes of the data that the figures of a system are of. */
export function classesOf({ classes = 8 }: System): number {
  return classes;
}

/** Side of the square input of so many channels. */
export function sideOf({ size, greySize }: System, channels: number): number {
  return channels === 1 ? (greySize ?? size) : size;
}

/** Keeps the schema's type while a system is written down. */
export function defineSystem<Schema extends z.ZodType>(system: System<Schema>): System<Schema> {
  return system;
}
