/** The contract of a method that explains what a network says of an image by a heat map over it. */

import type { Fill } from './fill.ts';
import type { HeatMap, Normalization } from './heat-map.ts';
import type { Network } from './network.ts';
import type { Score } from './score.ts';

export interface ExplainOptions {
  /** Layer that is looked at; left out: the method's own choice. */
  readonly layer?: string;
  /** Whether Grad-CAM looks at what the activation behind the layer makes of it. */
  readonly activated: boolean;
  /** What is explained; left out: the method's own. */
  readonly score?: Score;
  /** Whether Grad-CAM keeps only what speaks for the class. */
  readonly relu: boolean;
  /** Left out: the method's own. */
  readonly normalize?: Normalization;
  /** Side of the occluding patch and how far it moves, in pixels; left out: a quarter of the image, a quarter of that. */
  readonly patch?: number;
  readonly stride?: number;
  /** What stands in for the pixels that are taken away. */
  readonly fill: Fill;
  /** γ of spike activation maps, above 0: how fast an earlier spike is forgotten, a step. */
  readonly gamma: number;
}

export const EXPLAIN_DEFAULTS: ExplainOptions = {
  activated: false,
  relu: true,
  fill: 'mean',
  gamma: 0.5,
};

/** Of one image. */
export interface Explanation {
  /** As it was computed, in the size of the layer; over all time steps. */
  readonly map: HeatMap;
  /** Of each time step; empty where the layer has no time. */
  readonly steps: readonly HeatMap[];
}

/** Explains images [n, C, H, W], any n, each for a class of its own. */
export type Explain = (images: Float32Array, classes: readonly number[]) => Promise<Explanation[]>;

export interface Explainer {
  /** What it looks at: a layer, or the image. */
  readonly layer: string;
  readonly explain: Explain;
}

export interface ExplainMethod {
  /** For people. */
  readonly title: string;
  /** What the heat is, in one sentence. */
  readonly what: string;
  readonly source: string;
  /** What it explains unless it is told; null where the map does not depend on a class. */
  readonly score: Score | null;
  /** Whether it looks at the spikes of a layer with maps. */
  readonly ofSpikes: boolean;
  readonly normalize: Normalization;
  open(network: Network, options: ExplainOptions): Promise<Explainer>;
}
