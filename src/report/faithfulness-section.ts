/** Section of a report: whether the maps are true to the network, and lie on the nucleus. */
import type { Estimate } from '../measure/bootstrap.ts';
import type { Figure, FigureSource } from './figure.ts';
import { drawFigure } from './figure.ts';
import {
  curvesFigure,
  type FaithfulRun,
  nucleusFigure,
  rankingTitle,
} from './figures/faithfulness-figure.ts';
import { interval, NONE, percentInterval, whole } from './format.ts';
import { type Html, html } from './html.ts';
import { figureBlock, table } from './page.ts';

const CAPTIONS: Readonly<Record<string, string>> = {
  'deletion-insertion':
    'Mean probability of the explained class as pixels are taken from the image, and as they are put back into a picture without them, the hottest first. A faithful map falls fast on the left and rises fast on the right. The drawn order and heat that only says the middle are the controls (dashed).',
  'heat-on-nucleus':
    'Share of the heat that lies on the nucleus, and how often the hottest pixel does, with 95 % bootstrap intervals. The dashed line is the share of the image that the nucleus covers: what heat without knowledge gets.',
};

export function faithfulnessSources(runs: readonly FaithfulRun[]): FigureSource[] {
  return [curvesFigure(runs), nucleusFigure(runs)].filter((source) => source !== null);
}

export function faithfulnessFigures(runs: readonly FaithfulRun[]): Promise<Figure[]> {
  return Promise.all(faithfulnessSources(runs).map(drawFigure));
}

export function faithfulnessSection(runs: readonly FaithfulRun[], figures: readonly Figure[]): Html {
  return html`<section id="faithfulness"><h2>How far to trust the maps</h2>
${faithfulnessPart(runs, figures)}</section>`;
}

export function faithfulnessPart(runs: readonly FaithfulRun[], figures: readonly Figure[]): Html {
  const [{ result }] = runs;
  const { fill, parts, images } = result;
  return html`<p>Over ${whole(images)} images, drawn by seed. Deletion turns pixels to ${fillText(fill.deletion)}, insertion starts from ${fillText(fill.insertion)}, in ${parts} parts; areas under the curves are between 0 and 1. Both measure the network on pictures that it has never seen the like of.</p>
${figures.map((figure) => figureBlock(figure, CAPTIONS[figure.slug]))}
${curvesTable(runs)}
${runs.some((run) => run.result.nucleusArea) && nucleusTable(runs)}`;
}

function fillText(fill: string): string {
  return { mean: 'the mean colour', black: 'black', blurred: 'the blurred image' }[fill] ?? fill;
}

function curvesTable(runs: readonly FaithfulRun[]): Html {
  return table(
    'Areas under the curves (95 % bootstrap interval over images), and what they differ by from the drawn order on the same images. Deletion: less is better; insertion: more is better.',
    [
      { title: 'run' },
      { title: 'order' },
      { title: 'deletion', number: true },
      { title: 'against drawn', number: true },
      { title: 'insertion', number: true },
      { title: 'against drawn', number: true },
    ],
    runs.flatMap(({ name, result }) =>
      result.rankings.map((each) => ({
        cells: [
          name,
          rankingTitle(each.ranking),
          interval(each.deletion),
          each.ranking === 'random' ? NONE : signed(each.deletionOverRandom),
          interval(each.insertion),
          each.ranking === 'random' ? NONE : signed(each.insertionOverRandom),
        ],
      })),
    ),
  );
}

function nucleusTable(runs: readonly FaithfulRun[]): Html {
  return table(
    'Heat on the nucleus, % (95 % bootstrap interval over images). By area: the share of the image that the nucleus covers.',
    [
      { title: 'run' },
      { title: 'order' },
      { title: 'heat on it', number: true },
      { title: 'more than by area', number: true },
      { title: 'hottest pixel on it', number: true },
      { title: 'more than by area', number: true },
    ],
    runs.flatMap(({ name, result }) => [
      ...result.rankings.flatMap(({ ranking, nucleus }) =>
        nucleus && ranking !== 'random'
          ? [
              {
                cells: [
                  name,
                  rankingTitle(ranking),
                  percentInterval(nucleus.heat),
                  percentInterval(nucleus.heatOverArea),
                  percentInterval(nucleus.pointing),
                  percentInterval(nucleus.pointingOverArea),
                ],
              },
            ]
          : [],
      ),
      {
        cells: [
          name,
          'by area',
          percentInterval(result.nucleusArea),
          NONE,
          percentInterval(result.nucleusArea),
          NONE,
        ],
      },
    ]),
  );
}

/** A difference with its interval; the sign is always written. */
function signed(estimate: Estimate): string {
  const text = interval(estimate);
  return estimate.value > 0 ? `+${text}` : text;
}
