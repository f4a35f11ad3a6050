/** What commands measure of finished runs, as tables for other programs: spikes, energy, explanations, benches, votes. */
import { KINDS } from '../measure/disagreement.ts';
import type { SystemBench } from '../train/bench.ts';
import type { LayerEnergy, NetworkEnergy, RunEnergy } from '../train/energy.ts';
import type { RunSpikes } from '../train/spikes.ts';
import type { DisagreementPart } from './explain-report.ts';
import { type FaithfulRun, rankingTitle } from './figures/faithfulness-figure.ts';
import { bytes, decimal, interval as figureText, joules, percent, whole } from './format.ts';
import { totals } from './spikes-report.ts';
import { interval, plain, type ResultTable, resultTable } from './tables.ts';
import type { EnsembleFacts } from './types.ts';

const PICO = 1e-12;
const rate = (share: number) => decimal(share, 4);
const pico = (value: number) => joules(PICO * value);

type Spiking = Pick<RunSpikes, 'images' | 'accuracy' | 'layers' | 'suppressions'>;

/** Of all layers together. */
export function spikeTotalsTable(
  runs: readonly { readonly name: string; readonly spikes: Spiking }[],
): ResultTable {
  const rows = runs.map(({ name, spikes }) => ({ name, spikes, all: totals(spikes.layers) }));
  return resultTable('spikes', 'Spikes of all layers together.', rows, [
    plain('run', 'run', ({ name }) => name),
    plain('images', 'images', ({ spikes }) => spikes.images, whole),
    plain('accuracy', 'accuracy', ({ spikes }) => spikes.accuracy, percent),
    plain('neurons', 'neurons', ({ all }) => all.neurons, whole),
    plain('per_step', 'per neuron and step', ({ all }) => all.rate, rate),
    plain(
      'per_sample',
      'per neuron and sample',
      ({ all }) => all.perSample,
      (count) => decimal(count, 3),
    ),
    plain('per_image', 'per image', ({ all }) => all.perImage, whole),
    plain('dead', 'dead', ({ all }) => all.dead, whole),
    plain('saturated', 'saturated', ({ all }) => all.saturated, whole),
  ]);
}

/** All layers together, each layer, each of its steps, and the attention blocks. */
export function spikesTables(
  runs: readonly { readonly name: string; readonly spikes: Spiking }[],
): ResultTable[] {
  const layers = runs.flatMap(({ name, spikes }) => spikes.layers.map((layer) => ({ run: name, ...layer })));
  const steps = layers.flatMap(({ run, layer, rates }) =>
    rates.map((share, t) => ({ run, layer, step: t + 1, share })),
  );
  const blocks = runs.flatMap(({ name, spikes }) =>
    spikes.suppressions.flatMap(({ block, suppressed, behind, rates }) =>
      suppressed.map((share, t) => ({
        ...{ run: name, block, step: t + 1, share, behind },
        fires: rates[t] ?? null,
      })),
    ),
  );
  return [
    spikeTotalsTable(runs),
    resultTable('layers', 'Spikes of each layer.', layers, [
      plain('run', 'run', ({ run }) => run),
      plain('layer', 'layer', ({ layer }) => layer),
      plain('neurons', 'neurons', ({ neurons }) => neurons, whole),
      plain('per_step', 'per neuron and step', ({ perStep }) => perStep, rate),
      plain(
        'per_sample',
        'per neuron and sample',
        ({ perSample }) => perSample,
        (count) => decimal(count, 3),
      ),
      plain('per_image', 'per image', ({ perImage }) => perImage.mean, whole),
      plain('per_image_p5', '5 % of images', ({ perImage }) => perImage.p5, whole),
      plain('per_image_p95', '95 %', ({ perImage }) => perImage.p95, whole),
      plain('dead', 'dead', ({ dead }) => dead, whole),
      plain('saturated', 'saturated', ({ saturated }) => saturated, whole),
      plain('silent_maps', 'silent maps', ({ deadMaps = null }) => deadMaps, whole),
    ]),
    resultTable('steps', 'Share of the neurons that fire in each step.', steps, [
      plain('run', 'run', ({ run }) => run),
      plain('layer', 'layer', ({ layer }) => layer),
      plain('step', 'step', ({ step }) => step),
      plain('rate', 'rate', ({ share }) => share, rate),
    ]),
    resultTable('attention', 'Share that attention blocks suppress in each step.', blocks, [
      plain('run', 'run', ({ run }) => run),
      plain('block', 'block', ({ block }) => block),
      plain('step', 'step', ({ step }) => step),
      plain('suppressed', 'suppressed', ({ share }) => share, rate),
      plain('behind', 'layer behind', ({ behind }) => behind),
      plain('rate_behind', 'its rate', ({ fires }) => fires, rate),
    ]),
  ];
}

/** What an image costs by each model, and what each layer has of it; networks and their dense twins. */
export function energyTables(
  runs: readonly { readonly name: string; readonly energy: RunEnergy }[],
): ResultTable[] {
  const networks = runs.flatMap(({ name, energy }) => {
    const of = (which: string, network: NetworkEnergy, perSpike: number | null) => ({
      ...{ run: name, which, network, perSpike },
    });
    const own = of('network', energy.network, energy.spikes?.joulesPerImage ?? null);
    return energy.twin ? [own, of('dense twin', energy.twin, null)] : [own];
  });
  const layers = networks.flatMap(({ run, which, network }) =>
    network.layers.map((layer): LayerEnergy & { run: string; which: string } => ({ run, which, ...layer })),
  );
  const joule = (value: number) => PICO * value;
  return [
    resultTable('energy', 'One image by each model, in joules.', networks, [
      plain('run', 'run', ({ run }) => run),
      plain('network', 'of', ({ which }) => which),
      plain('spikes_j', '1 nJ a spike', ({ perSpike }) => perSpike, joules),
      plain('operations_j', 'operations', ({ network }) => joule(network.totals.operations), joules),
      plain('memory_j', 'memory', ({ network }) => joule(network.totals.memory), joules),
      plain('all_j', 'operations and memory', ({ network }) => joule(network.totals.all), joules),
      plain('multiplications', 'multiplications', ({ network }) => network.totals.multiplications, whole),
      plain('additions', 'additions', ({ network }) => network.totals.additions, whole),
      plain('macs', 'MACs if nothing is skipped', ({ network }) => network.macs, whole),
      plain(
        'median_ms',
        'measured, ms',
        ({ network }) => network.milliseconds.median,
        (time) => decimal(time, 3),
      ),
    ]),
    resultTable('layers', 'One image, layer by layer; picojoules.', layers, [
      plain('run', 'run', ({ run }) => run),
      plain('network', 'of', ({ which }) => which),
      plain('layer', 'layer', ({ layer }) => layer),
      plain('kind', 'kind', ({ kind }) => kind),
      plain('times', 'times', ({ steps }) => steps),
      plain('macs', 'MAC', ({ macs = null }) => macs, whole),
      plain('rate', 'rate', ({ rate: driven }) => driven, rate),
      plain('neurons', 'neurons', ({ neurons = null }) => neurons, whole),
      plain('multiplications', 'multiplications', ({ multiplications }) => multiplications, whole),
      plain('additions', 'additions', ({ additions }) => additions, whole),
      plain('operations_pj', 'operations', ({ operations }) => operations, pico),
      plain('weights_pj', 'weights', ({ traffic }) => traffic.weights, pico),
      plain('activations_pj', 'inputs and results', ({ traffic }) => traffic.activations, pico),
      plain('membranes_pj', 'membranes and sums', ({ traffic }) => traffic.membranes, pico),
    ]),
  ];
}

export interface ExplainedRow {
  readonly image: string;
  readonly truth: string | null;
  readonly predicted: string;
  readonly probability: number;
  readonly asked: string;
  readonly askedProbability: number;
}

/** Which images were explained, how far to trust the maps, and who is right where. */
export function explainTables(
  images: readonly ExplainedRow[],
  faithful: readonly FaithfulRun[],
  against: readonly Pick<DisagreementPart, 'names' | 'classes' | 'result'>[],
): ResultTable[] {
  const trust = faithful.flatMap(({ name, result }) =>
    result.rankings.map((each) => ({ run: name, area: result.nucleusArea, ...each })),
  );
  const curves = trust.flatMap(({ run, ranking, curves: { deletion, insertion } }) =>
    deletion.map((value, part) => ({
      ...{ run, ranking, share: part / (deletion.length - 1) },
      ...{ deletion: value, insertion: insertion[part] },
    })),
  );
  const sides = against.flatMap(({ names: [first, second], classes, result }) =>
    classes.map((name, k) => ({ first, second, name, counts: result.perClass[k] })),
  );
  return [
    resultTable('images', 'The images that were explained.', images, [
      plain('image', 'image', ({ image }) => image),
      plain('true', 'true', ({ truth }) => truth),
      plain('predicted', 'said', ({ predicted }) => predicted),
      plain('probability', 'probability', ({ probability }) => probability, percent),
      plain('asked', 'asked', ({ asked }) => asked),
      plain('asked_probability', 'its probability', ({ askedProbability }) => askedProbability, percent),
    ]),
    resultTable('faithfulness', 'Areas under the curves and heat on the nucleus; 95 % intervals.', trust, [
      plain('run', 'run', ({ run }) => run),
      plain('order', 'order', ({ ranking }) => ranking, rankingTitle),
      plain('layer', 'layer', ({ layer }) => layer),
      interval('deletion', 'deletion', ({ deletion }) => deletion, figureText),
      interval('insertion', 'insertion', ({ insertion }) => insertion, figureText),
      interval('heat_on_nucleus', 'heat on nucleus, %', ({ nucleus }) => nucleus?.heat ?? null),
      interval('hottest_on_nucleus', 'hottest pixel on it, %', ({ nucleus }) => nucleus?.pointing ?? null),
      interval('nucleus_area', 'nucleus, % of the image', ({ area }) => area),
    ]),
    resultTable('curves', 'Probability of the class as pixels are taken away and put back.', curves, [
      plain('run', 'run', ({ run }) => run),
      plain('order', 'order', ({ ranking }) => ranking, rankingTitle),
      plain('pixels', 'share of the pixels', ({ share }) => share, percent),
      plain('deletion', 'deletion', ({ deletion }) => deletion, rate),
      plain('insertion', 'insertion', ({ insertion }) => insertion, rate),
    ]),
    resultTable('disagreement', 'Who is right, by true class.', sides, [
      plain('first', 'first', ({ first }) => first),
      plain('second', 'second', ({ second }) => second),
      plain('class', 'class', ({ name }) => name),
      ...KINDS.map((kind) => plain(kind, kind, ({ counts }: (typeof sides)[number]) => counts[kind])),
    ]),
  ];
}

/** Who votes, and how good each is alone. */
export function membersTable({ members, validation }: EnsembleFacts, test: number): ResultTable {
  const together = { name: 'together', title: null, seed: null, validation, test };
  return resultTable(
    'members',
    'Members and their accuracies.',
    [...members, together],
    [
      plain('run', 'run', ({ name }) => name),
      plain('system', 'system', ({ title }) => title),
      plain('seed', 'seed', ({ seed }) => seed),
      plain('validation', 'validation', (each) => each.validation, percent),
      plain('test', 'test', (each) => each.test, percent),
    ],
  );
}

/** Steps, predictions and memory of systems. */
export function systemBenchTable(systems: readonly SystemBench[], machine: string): ResultTable {
  const milliseconds = (decimals: number) => (time: number) => `${decimal(time, decimals)} ms`;
  const perSecond = (count: number) => `${count.toFixed(0)} images/s`;
  return resultTable('systems', `Steps and predictions on noise. ${machine}.`, systems, [
    plain('system', 'system', ({ system }) => system),
    plain('pixels', 'px', ({ size }) => size),
    plain('batch', 'batch', ({ training }) => training.batchSize),
    plain('step_ms', 'step', ({ training }) => training.milliseconds.median, milliseconds(1)),
    plain('trained_per_second', 'trained', ({ training }) => training.imagesPerSecond, perSecond),
    plain('step_bytes', 'memory', ({ training }) => training.memory, bytes),
    plain('median_ms', '1 image', ({ single }) => single.milliseconds.median, milliseconds(2)),
    plain('p95_ms', '95 %', ({ single }) => single.milliseconds.p95, milliseconds(2)),
    plain(
      'predicted_per_second',
      `batch ${systems[0]?.batch.batchSize ?? 64}`,
      ({ batch }) => batch.imagesPerSecond,
      perSecond,
    ),
    plain('batch_bytes', 'memory', ({ batch }) => batch.memory, bytes),
  ]);
}
