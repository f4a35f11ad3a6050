/**
 * Running statistics of BatchNorm move by a share of each batch, 1 % with Keras's momentum, from a mean of 0 and a variance
 * of 1. A short training on few images ends before they have settled: the network learns, and says nonsense when tested.
 */
import { type BatchNormAttrs, batchNormOp } from '../ops/batch-norm.ts';
import type { RunConfig } from './config.ts';
import { imagesOfEpoch } from './epoch-size.ts';
import { specOf } from './open-run.ts';
import { trainingStep } from './step.ts';

/** Share of what the statistics began with that may be left at the end. */
const LEFT = 0.001;

/** What to know of a run that is too short for its running statistics; nothing for all others. */
export function slowStatistics(config: RunConfig): string | undefined {
  const { settings, data } = config;
  const { net } = trainingStep(specOf(config), settings, 1, null);
  const momenta = net.graph.nodes.flatMap(({ op, attrs }) =>
    op === batchNormOp && (attrs as BatchNormAttrs).training ? [(attrs as BatchNormAttrs).momentum] : [],
  );
  if (momenta.length === 0 || settings.maxSteps !== null) return undefined;
  const needed = Math.ceil(Math.log(LEFT) / Math.log1p(-Math.min(...momenta)));
  const { epochs, batchSize } = settings;
  const steps = epochs * Math.ceil(imagesOfEpoch(settings, data.counts.train) / batchSize);
  if (steps >= needed) return undefined;
  return (
    `the running statistics of BatchNorm settle in about ${needed} steps, and ${epochs} epoch${epochs === 1 ? '' : 's'} of batches of ${batchSize} ` +
    `are ${steps}: validation and test will lag behind training; take smaller batches or more epochs`
  );
}
