/**
 * Energy of a run by the models of `measure/energy.ts`: its network traced for one image, what its neurons do over a split,
 * its dense twin, and how long both take on this machine.
 */
import { type Neurons, type Synapses, type Workload, workload } from '../compile/workload.ts';
import {
  type Activity,
  type EnergyRow,
  type EnergyTotals,
  type EpochEnergy,
  energyRows,
  energyTotals,
  epochEnergy,
  spikeEnergy,
} from '../measure/energy.ts';
import type { Latency } from '../measure/latency.ts';
import { reduceSum } from '../ops/reduce.ts';
import { imagesOfEpoch } from './epoch-size.ts';
import type { EvaluatorOptions } from './evaluator.ts';
import { type Observed, observationStep, observe, verdicts } from './observation.ts';
import { loadPredictor, specOf } from './open-run.ts';
import { type NetworkSpec, predictionStep } from './step.ts';
import { imagesToTime, TIMED, timePredictions } from './timing.ts';

export interface RunEnergyOptions extends EvaluatorOptions {
  /** Bytes of the largest memory on the chip; left out: everything is on it. */
  readonly onChip?: number;
  /** Time for measuring each network. */
  readonly seconds: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** A row of the table without what belongs to the graph, so that it can be written down. */
export interface LayerEnergy extends Omit<EnergyRow, 'work'> {
  readonly layer: string;
  readonly kind: EnergyRow['work']['kind'];
  /** How often it is computed for an image. */
  readonly steps: number;
  /** Of layers of weights. */
  readonly op?: string;
  readonly macs?: number;
  /** Of neurons. */
  readonly model?: string;
  readonly neurons?: number;
}

export interface NetworkEnergy {
  readonly layers: readonly LayerEnergy[];
  readonly totals: EnergyTotals;
  /** Multiply–accumulates of an image if nothing is skipped. */
  readonly macs: number;
  /** Of one image by itself. */
  readonly milliseconds: Latency;
}

export interface SpikeModel {
  /** Spikes of all layers while one image is shown. */
  readonly perImage: number;
  /** Joules. */
  readonly joulesPerImage: number;
  readonly joulesPerSplit: number;
  /** Of training; null where its rates were not written down. */
  readonly epochs: EpochEnergy | null;
}

export interface RunEnergy {
  /** Images that the rates are of. */
  readonly images: number;
  readonly accuracy: number;
  /** T. */
  readonly steps: number;
  readonly network: NetworkEnergy;
  /** Totals where what comes before time counts at every step: paper (b)'s way. */
  readonly everyStep: EnergyTotals;
  /** Null of a network without neurons that fire. */
  readonly spikes: SpikeModel | null;
  /** Null of a network that is dense itself. */
  readonly twin: NetworkEnergy | null;
  readonly warnings: readonly string[];
}

/** The network of a specification as work for one image. */
export function traceWorkload(spec: NetworkSpec): Workload {
  let found: Workload | undefined;
  observationStep(spec, 1, (observed) => {
    found = workOf(observed);
    return {};
  });
  if (!found) throw new Error('an observer that was not asked');
  return found;
}

function workOf({ net, logits }: Observed): Workload {
  return workload(net.graph.nodes, logits);
}

export async function measureEnergy(options: RunEnergyOptions): Promise<RunEnergy> {
  const { run, config, session, dataset, split, weights, onChip, seconds } = options;
  const spec = specOf(config);
  const traced = traceWorkload(spec);
  const { steps, work } = traced;
  const { activity, accuracy, spikesPerImage, places } = await observeActivity(options, traced);
  const rows = energyRows(work, activity, { steps, onChip });
  const everyStep = energyTotals(energyRows(work, activity, { steps, onChip, everyStep: true }));
  const predictor = await loadPredictor(run, config, session, weights, 1);
  const shown = await imagesToTime(dataset, dataset.splits[split], TIMED);
  const milliseconds = await timePredictions(session, predictor, shown, seconds);
  const images = dataset.splits[split].length;
  const spiking = places.size > 0;
  const history = (await run.history()).flatMap(({ rates }) => (rates ? [rates] : []));
  const trained = imagesOfEpoch(config.settings, config.data.counts.train);
  return {
    ...{ images, accuracy, steps, everyStep },
    network: networkEnergy(traced, rows, milliseconds),
    spikes: spiking
      ? {
          perImage: spikesPerImage,
          joulesPerImage: 1e-12 * spikeEnergy(spikesPerImage),
          joulesPerSplit: 1e-12 * spikeEnergy(spikesPerImage * images),
          epochs: epochEnergy(history, places, trained),
        }
      : null,
    twin: spiking ? await twinOf(spec, shown, options) : null,
    warnings: traced.warnings,
  };
}

function networkEnergy({ work }: Workload, rows: readonly EnergyRow[], milliseconds: Latency): NetworkEnergy {
  const macs = work.reduce((sum, each) => sum + (each.kind === 'synapses' ? each.macs * each.steps : 0), 0);
  return { layers: rows.map(layerEnergy), totals: energyTotals(rows), macs, milliseconds };
}

export function layerEnergy({ work, ...costs }: EnergyRow): LayerEnergy {
  const { layer, kind, steps } = work;
  return {
    ...{ layer, kind, steps },
    ...(work.kind === 'synapses' ? { op: work.op, macs: work.macs } : {}),
    ...(work.kind === 'neurons' ? { model: work.model, neurons: work.neurons } : {}),
    ...costs,
  };
}

const SILENT: Activity = { rateInto: () => 0, spikesOf: () => 0 };

/** The dense twin; its weights do not matter to any of these figures. */
async function twinOf(
  of: NetworkSpec,
  shown: readonly Float32Array[],
  { session, onChip, seconds }: RunEnergyOptions,
): Promise<NetworkEnergy> {
  const spec = { ...of, twin: true };
  const traced = traceWorkload(spec);
  const rows = energyRows(traced.work, SILENT, { steps: 1, onChip });
  const program = session.load(predictionStep(spec, 1).plan);
  return networkEnergy(traced, rows, await timePredictions(session, program, shown, seconds));
}

/** Sums what drives each layer and what each layer of neurons does, over all images. */
async function observeActivity(options: RunEnergyOptions, traced: Workload) {
  const { dataset, split } = options;
  const source = dataset.splits[split];
  const driven = traced.work.flatMap((each) => (each.kind === 'synapses' && each.spikes ? [each] : []));
  const firing = traced.work.flatMap((each) => (each.kind === 'neurons' ? [each] : []));
  const sums = { driven: driven.map(() => 0), firing: firing.map(() => 0), right: 0 };
  await observe(
    options,
    (observed) => {
      const { work } = workOf(observed);
      const values = work.flatMap((each) => {
        if (each.kind === 'synapses') return each.spikes ? [{ kind: 'driven', spikes: each.spikes }] : [];
        return each.kind === 'neurons' ? [{ kind: 'firing', spikes: each.spikes }] : [];
      });
      const of = (wanted: string) =>
        values
          .filter(({ kind }) => kind === wanted)
          .map(({ spikes }, i) => [
            `${wanted}:${i}`,
            reduceSum(spikes, { axes: spikes.shape.slice(1).map((_, axis) => axis + 1), time: true }),
          ]);
      return Object.fromEntries([...of('driven'), ...of('firing')]);
    },
    async (visit) => {
      for (const kind of ['driven', 'firing'] as const)
        sums[kind].forEach((_, i) => {
          for (const count of visit.program.read(`${kind}:${i}`)) sums[kind][i] += count;
        });
      sums.right += verdicts(visit).filter(({ label, predicted }) => label === predicted).length;
    },
  );
  const perImage = (sum: number) => sum / source.length;
  const rates = new Map(
    driven.map((each, i): [Synapses, number] => [
      each,
      perImage(sums.driven[i]) / (each.inputs * each.steps),
    ]),
  );
  const spikes = new Map(firing.map((each, i): [Neurons, number] => [each, perImage(sums.firing[i])]));
  const activity: Activity = {
    rateInto: (layer) => rates.get(layer) ?? 0,
    spikesOf: (layer) => spikes.get(layer) ?? 0,
  };
  return {
    activity,
    accuracy: sums.right / source.length,
    spikesPerImage: [...spikes.values()].reduce((sum, count) => sum + count, 0),
    places: new Map(firing.map(({ layer, neurons, steps }) => [layer, neurons * steps])),
  };
}
