/**
 * What this machine makes of a system: time and memory of a training step and of predictions, on images of noise
 * and initial weights. Event-driven kernels get slower as neurons fire more, so the firing rates are part of it.
 */
import type { Engine } from '../engine/engine.ts';
import { type Latency, measureLatency } from '../measure/latency.ts';
import type { TrainingSettings } from '../models/settings.ts';
import { randomFeeds } from './random-feeds.ts';
import { type NetworkSpec, predictionStep, rateOutput, type TracedStep, trainingStep } from './step.ts';

export interface StepBench {
  readonly batchSize: number;
  readonly milliseconds: Latency;
  /** At the median time. */
  readonly imagesPerSecond: number;
  /** Bytes that the step needs at its peak: variables, arena, inputs and results, kernels' own space. */
  readonly memory: number;
  /** Share of neurons that fire in a step of time, a layer. */
  readonly rates: Readonly<Record<string, number>>;
}

export interface SystemBench {
  readonly system: string;
  readonly size: number;
  readonly training: StepBench;
  /** One image: how long somebody waits. */
  readonly single: StepBench;
  /** Many images: how many get through. */
  readonly batch: StepBench;
}

export interface BenchOptions {
  readonly batchSize: number;
  /** Images of a batch of predictions. */
  readonly inferenceBatch?: number;
  /** Time spent on each of the three measurements. */
  readonly seconds: number;
  readonly onProgress?: (what: string) => void;
}

export async function benchSystem(
  engine: Engine,
  spec: NetworkSpec,
  settings: TrainingSettings,
  options: BenchOptions,
): Promise<SystemBench> {
  const { batchSize, inferenceBatch = 64, seconds, onProgress } = options;
  const measured = (what: string, images: number, trace: () => TracedStep) => {
    onProgress?.(`${spec.system.name}: ${what}, ${images === 1 ? '1 image' : `${images} images`}`);
    return benchStep(engine, trace(), images, seconds);
  };
  return {
    system: spec.system.name,
    size: spec.height,
    training: await measured('training step', batchSize, () => trainingStep(spec, settings, batchSize, null)),
    single: await measured('prediction', 1, () => predictionStep(spec, 1)),
    batch: await measured('prediction', inferenceBatch, () => predictionStep(spec, inferenceBatch)),
  };
}

/** Loads a step into a session of its own, so that its memory is its own, and runs it for a while. */
async function benchStep(
  engine: Engine,
  { plan, net }: TracedStep,
  batchSize: number,
  seconds: number,
): Promise<StepBench> {
  const session = engine.createSession();
  try {
    const program = session.load(plan);
    const feeds = randomFeeds(plan);
    const milliseconds = await measureLatency(() => program.run(feeds), { seconds });
    const { variables, arena, io, scratch } = session.memory();
    const rates: Record<string, number> = {};
    for (const layer of net.spikes.keys())
      if (plan.outputs.has(rateOutput(layer))) rates[layer] = program.read(rateOutput(layer))[0];
    return {
      batchSize,
      milliseconds,
      imagesPerSecond: (1e3 * batchSize) / milliseconds.median,
      memory: variables + arena + io + scratch,
      rates,
    };
  } finally {
    session.close();
  }
}
