/** Energy of one run or several by three models, beside their dense twins and the time that was measured. */
import { FORMULAE } from '../measure/energy.ts';
import type { LayerEnergy, NetworkEnergy } from '../train/energy.ts';
import { drawFigure, type Figure, type FigureSource } from './figure.ts';
import { energyEpochsFigure } from './figures/energy-epochs-figure.ts';
import { type EnergyRun, energyFigure, energyPartsFigure } from './figures/energy-figures.ts';
import { decimal, joules, NONE, whole } from './format.ts';
import { type Html, type HtmlValue, html } from './html.ts';
import { figureBlock, page, table, tiles, warningBox } from './page.ts';

export interface EnergyPage {
  readonly runs: readonly EnergyRun[];
  /** Name of the data and of the split. */
  readonly data: string;
  readonly split: string;
  /** Processor, engine and threads that time was measured on. */
  readonly machine: string;
  /** KiB of the largest memory on the chip; null where everything is on it. */
  readonly onChip: number | null;
}

const PICO = 1e-12;

/** Models and parts, and, where a spiking run has epochs, what each of these took. */
export function energySources(runs: readonly EnergyRun[]): FigureSource[] {
  const epochs = energyEpochsFigure(runs);
  return [energyFigure(runs), energyPartsFigure(runs), ...(epochs ? [epochs] : [])];
}

export function energyFigures({ runs }: Pick<EnergyPage, 'runs'>): Promise<Figure[]> {
  return Promise.all(energySources(runs).map(drawFigure));
}

/** What an image costs by each model. */
export function modelsPart(of: Pick<EnergyPage, 'runs' | 'onChip'>, models: Figure): Html {
  const { onChip } = of;
  return html`<p>They answer different questions, and none of them is measured. The first counts spikes and nothing else. The second counts additions and multiplications of a chip whose memory costs nothing. The third adds the accesses to that memory${onChip === null ? ', all of it on the chip' : `; what is larger than ${whole(onChip)} KiB lies in DRAM`}. A dense twin is the same network with ReLU for its neurons, computed once.</p>
${figureBlock(models, 'Energy of one image by each model. The axis is logarithmic.')}
${summaryTable(of)}`;
}

export function partsBlock(parts: Figure): Html {
  return figureBlock(parts, 'Operations and memory traffic of one image by what they are for.');
}

/** The first model over epochs of training; of spiking runs. */
export function nanojoulePart(of: Pick<EnergyPage, 'runs' | 'split'>, epochs?: Figure): Html {
  return html`<p>Paper (a) multiplies the spikes of all layers of a training epoch by 1 nJ. Here they follow from the rates that training wrote down for each epoch.</p>
${epochs && figureBlock(epochs, 'Energy of each epoch of training: its rates on the training images, at 1 nJ a spike.')}
${spikeTable(of)}`;
}

export function renderEnergy(of: EnergyPage, [models, parts, epochs]: readonly Figure[]): string {
  const { runs, data, machine } = of;
  const several = runs.length > 1;
  return page(
    `Energy on ${data} – Soma`,
    html`<header>
<h1>Energy of ${runs.map(({ name }) => name).join(', ')}</h1>
<p class="lead">Firing rates of ${whole(runs[0].energy.images)} images of ${data}. Models, not measurements.</p>
</header>
<main>
${tiles(runs.flatMap((run) => tilesOf(run, several)))}
${energyWarnings(runs)}
<section id="models"><h2>Three models, one image</h2>
${modelsPart(of, models)}</section>
<section id="parts"><h2>Where it goes</h2>
${partsBlock(parts)}</section>
${runs.some(({ energy }) => energy.spikes) && html`<section id="spikes"><h2>One nanojoule a spike</h2>\n${nanojoulePart(of, epochs)}</section>`}
<section id="layers"><h2>Layer by layer</h2>
${runs.map(layerTable)}</section>
<section id="formulae"><h2>Formulae</h2>
${table(
  'What is counted, and what it costs.',
  [{ title: 'model or part' }, { title: 'formula' }],
  FORMULAE.map(([name, formula]) => ({ cells: [name, formula] })),
)}
<p>Not counted: pooling, ReLU, additions of shortcuts, attention by softmax and sigmoid, read-outs, addressing, control, leakage, and the encoding of the image. MAC counts include the padding of convolutions.</p></section>
</main>
<footer>Time was measured on ${machine}, one image at a time, median.</footer>`,
  );
}

/** Where a model does not fit. */
export function energyWarnings(runs: readonly EnergyRun[]): HtmlValue {
  return warningBox(
    runs.flatMap(({ name, energy }) =>
      energy.warnings.map((warning) => (runs.length > 1 ? `${name}: ${warning}` : warning)),
    ),
  );
}

function tilesOf({ name, energy: { network, twin, spikes } }: EnergyRun, several: boolean) {
  const prefix = several ? `${name}: ` : '';
  const note = (other: number | undefined) =>
    other === undefined ? undefined : `dense twin ${joules(PICO * other)}`;
  return [
    ...(spikes
      ? [
          {
            name: `${prefix}1 nJ a spike`,
            value: joules(spikes.joulesPerImage),
            note: `${whole(spikes.perImage)} spikes per image`,
          },
        ]
      : []),
    {
      name: `${prefix}operations`,
      value: joules(PICO * network.totals.operations),
      note: note(twin?.totals.operations),
    },
    {
      name: `${prefix}with memory`,
      value: joules(PICO * network.totals.all),
      note: note(twin?.totals.all),
    },
    {
      name: `${prefix}measured time`,
      value: `${decimal(network.milliseconds.median, 2)} ms`,
      note: twin ? `dense twin ${decimal(twin.milliseconds.median, 2)} ms` : undefined,
    },
  ];
}

function summaryTable({ runs }: Pick<EnergyPage, 'runs'>): Html {
  const several = runs.length > 1;
  const columns = runs.flatMap(({ name, energy }) => [
    { title: several ? name : 'network', number: true },
    ...(energy.twin
      ? [
          { title: several ? `${name}, dense twin` : 'dense twin', number: true },
          { title: 'network / twin', number: true },
        ]
      : []),
  ]);
  const row = (
    name: string,
    of: (network: NetworkEnergy, run: EnergyRun['energy']) => number | null,
    ofTwin: (twin: NetworkEnergy) => number | null,
    text: (value: number) => string,
  ) => ({
    cells: [
      name,
      ...runs.flatMap(({ energy }) => {
        const own = of(energy.network, energy);
        const shown = own === null ? NONE : text(own);
        if (!energy.twin) return [shown];
        const twin = ofTwin(energy.twin);
        return own === null || twin === null
          ? [shown, NONE, NONE]
          : [shown, text(twin), decimal(own / twin, 2)];
      }),
    ],
  });
  const pico = (value: number) => joules(PICO * value);
  return table(
    'One image. Ratios below 1 are in favour of the network.',
    [{ title: 'of one image' }, ...columns],
    [
      row(
        '1 nJ a spike',
        (_, run) => run.spikes?.joulesPerImage ?? null,
        () => null,
        joules,
      ),
      row(
        'operations, 45 nm',
        ({ totals }) => totals.operations,
        ({ totals }) => totals.operations,
        pico,
      ),
      row(
        'operations, all at every step',
        (_, { everyStep }) => everyStep.operations,
        ({ totals }) => totals.operations,
        pico,
      ),
      row(
        'memory traffic',
        ({ totals }) => totals.memory,
        ({ totals }) => totals.memory,
        pico,
      ),
      row(
        'operations and memory',
        ({ totals }) => totals.all,
        ({ totals }) => totals.all,
        pico,
      ),
      row(
        'multiplications',
        ({ totals }) => totals.multiplications,
        ({ totals }) => totals.multiplications,
        whole,
      ),
      row(
        'additions',
        ({ totals }) => totals.additions,
        ({ totals }) => totals.additions,
        whole,
      ),
      row(
        'MACs if nothing is skipped',
        ({ macs }) => macs,
        ({ macs }) => macs,
        whole,
      ),
      row(
        'time measured, ms',
        ({ milliseconds }) => milliseconds.median,
        ({ milliseconds }) => milliseconds.median,
        (ms) => decimal(ms, 2),
      ),
    ],
  );
}

function spikeTable({ runs, split }: Pick<EnergyPage, 'runs' | 'split'>): Html {
  const spiking = runs.flatMap(({ name, energy: { spikes, images } }) =>
    spikes ? [{ name, spikes, images }] : [],
  );
  return table(
    'Energy by 1 nJ a spike.',
    [
      { title: 'run' },
      { title: 'spikes per image', number: true },
      { title: 'per image', number: true },
      { title: `${split} images measured`, number: true },
      { title: 'training epoch, mean (least–most)', number: true },
      { title: 'all epochs', number: true },
    ],
    spiking.map(({ name, spikes: { perImage, joulesPerImage, joulesPerSplit, epochs }, images }) => ({
      cells: [
        name,
        whole(perImage),
        joules(joulesPerImage),
        `${joules(joulesPerSplit)} (${whole(images)})`,
        epochs ? `${joules(epochs.mean)} (${joules(epochs.least)}–${joules(epochs.most)})` : NONE,
        epochs ? `${joules(epochs.total)} (${epochs.epochs})` : NONE,
      ],
    })),
  );
}

function layerTable({ name, energy: { network, twin } }: EnergyRun): Html {
  const twins = new Map(
    (twin?.layers ?? []).flatMap((each) => (each.kind === 'synapses' ? [[each.layer, each]] : [])),
  );
  const count = (value: number) =>
    value === 0 ? '0' : value < 1e4 ? whole(value) : `${decimal(value / 1e6, 2)} M`;
  const energy = (picojoules: number) => (picojoules === 0 ? '0' : joules(PICO * picojoules));
  const memory = ({ traffic }: LayerEnergy) => traffic.weights + traffic.activations + traffic.membranes;
  return table(
    `${name}, one image. MAC: multiply–accumulates of one step; rate: spikes per neuron and step of what the layer reads; mult. and add.: multiplications and additions of all steps; op. and mem.: energy of operations and of memory traffic${twin ? ', of the dense twin too' : ''}.`,
    [
      { title: 'layer' },
      { title: 'reads or is' },
      { title: 'MAC', number: true },
      { title: 'times', number: true },
      { title: 'rate', number: true },
      { title: 'mult.', number: true },
      { title: 'add.', number: true },
      { title: 'op.', number: true },
      { title: 'mem.', number: true },
      ...(twin
        ? [
            { title: 'twin op.', number: true },
            { title: 'twin mem.', number: true },
          ]
        : []),
    ],
    network.layers.map((row) => {
      const { layer, macs, steps, rate, multiplications, additions, operations } = row;
      const dense = twins.get(layer);
      return {
        cells: [
          layer,
          whatIs(row),
          macs === undefined ? NONE : count(macs),
          `${steps}`,
          rate === null ? NONE : decimal(rate, 4),
          count(multiplications),
          count(additions),
          energy(operations),
          energy(memory(row)),
          ...(twin ? [dense ? energy(dense.operations) : NONE, dense ? energy(memory(dense)) : NONE] : []),
        ],
      };
    }),
    [
      {
        cells: [
          'all',
          '',
          '',
          '',
          '',
          count(network.totals.multiplications),
          count(network.totals.additions),
          energy(network.totals.operations),
          energy(network.totals.memory),
          ...(twin ? [energy(twin.totals.operations), energy(twin.totals.memory)] : []),
        ],
      },
    ],
  );
}

/** What a row of the table reads, or is. */
export function whatIs({ kind, rate, neurons = 0, model = '' }: LayerEnergy): string {
  switch (kind) {
    case 'synapses':
      return rate === null ? 'reals' : 'spikes';
    case 'neurons':
      return `${whole(neurons)} ${model.toUpperCase()}`;
    case 'normalisation':
      return 'BatchNorm';
  }
}
