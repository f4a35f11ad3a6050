/**
 * What each step of a training that ends after `maxSteps` was like: `steps.jsonl`, one line a step. Such a training is a
 * measurement: it says what a step costs and whether the loss falls, of a network that is too slow to be trained here.
 */
import { countBatches } from '../data/loader.ts';
import { summarizeTimes } from '../measure/latency.ts';
import type { RunConfig } from './config.ts';
import { imagesOfEpoch } from './epoch-size.ts';

/** One step, as a line of `steps.jsonl`. */
export interface StepRecord {
  /** From 1. */
  readonly step: number;
  /** Of its batch, in nats, before its update. */
  readonly loss: number;
  /** Time of the step; waiting for its images is not counted. */
  readonly seconds: number;
}

export interface MeasuredSteps {
  readonly steps: number;
  /** Mean loss of the first tenth of the steps. */
  readonly firstLoss: number;
  /** Mean loss of the last tenth of the steps. */
  readonly lastLoss: number;
  /** Median. */
  readonly secondsPerStep: number;
  /** What the steps of an epoch would take. */
  readonly secondsPerEpoch: number;
}

/** Sums up a trace; undefined of none. */
export function measureSteps(
  trace: readonly StepRecord[],
  { data, settings }: RunConfig,
): MeasuredSteps | undefined {
  if (trace.length === 0) return undefined;
  const tenth = Math.max(1, Math.floor(trace.length / 10));
  const meanLoss = (part: readonly StepRecord[]) =>
    part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
  const secondsPerStep = summarizeTimes(trace.map(({ seconds }) => seconds)).median;
  const images = imagesOfEpoch(settings, data.counts.train);
  return {
    steps: trace.length,
    firstLoss: meanLoss(trace.slice(0, tenth)),
    lastLoss: meanLoss(trace.slice(-tenth)),
    secondsPerStep,
    secondsPerEpoch: secondsPerStep * countBatches(images, settings.batchSize, settings.dropLast),
  };
}
