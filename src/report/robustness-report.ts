/** What corruptions cost one run or several: curves, tables, and what the severities look like. */
import { SEVERITIES } from '../data/corruptions/corruption.ts';
import { findCorruption } from '../data/corruptions/table.ts';
import { mismatch } from '../errors.ts';
import { drawFigure, type Figure } from './figure.ts';
import { type RobustRun, robustnessFigure } from './figures/robustness-figure.ts';
import { decimal, NONE, percentInterval, whole } from './format.ts';
import { type Html, html } from './html.ts';
import { figureBlock, page, table, tiles } from './page.ts';

export interface RobustnessPage {
  readonly runs: readonly RobustRun[];
  /** Name of the data and of the split. */
  readonly data: string;
  readonly images: number;
  /** Of what the corruptions draw. */
  readonly seed: number;
  /** For each corruption one test image, clean and at each severity side by side, as data URI. */
  readonly strips: readonly { readonly corruption: string; readonly picture: string }[];
}

const PICTURE = /^data:image\/(png|webp);base64,[A-Za-z0-9+/]+=*$/;

export function robustnessFigures({ runs }: Pick<RobustnessPage, 'runs'>): Promise<Figure[]> {
  return Promise.all([drawFigure(robustnessFigure(runs))]);
}

/** Curves, and what each corruption costs. */
export function costsPart(runs: readonly RobustRun[], curves: Figure): Html {
  return html`<p>Each image was corrupted in the same way for every run: what is drawn follows from the seed, the severity and the image. Intervals are 95 % Wilson intervals over the images. The relative error of a corruption is the accuracy on clean images less the mean accuracy over the severities; nothing was trained on corrupted images unless a run says so.</p>
${figureBlock(curves, 'Accuracy at each severity, with 95 % intervals; severity 0 is the clean image.')}
${summaryTable(runs)}`;
}

export async function renderRobustness(of: RobustnessPage): Promise<string> {
  const { runs, data, images, seed, strips } = of;
  const [curves] = await robustnessFigures(of);
  return page(
    `Robustness on ${data} – Soma`,
    html`<header>
<h1>Robustness of ${runs.map(({ name }) => name).join(', ')}</h1>
<p class="lead">${whole(images)} images of ${data}, corrupted by seed ${seed}</p>
</header>
<main>
${tiles(
  runs.map(({ name, result }) => ({
    name: `${name}, mean over corruptions`,
    value: `${decimal(100 * result.mean, 2)} %`,
    note: `clean ${percentInterval(result.clean)}`,
  })),
)}
<section id="curves"><h2>Accuracy against severity</h2>
${costsPart(runs, curves)}</section>
<section id="severities"><h2>Each severity</h2>
${runs.map(severityTable)}</section>
${
  strips.length > 0 &&
  html`<section id="pictures"><h2>What the severities look like</h2>
${stripTable(strips)}</section>`
}
</main>`,
  );
}

function summaryTable(runs: readonly RobustRun[]): Html {
  const names = runs[0].result.corruptions.map(({ corruption }) => corruption);
  const rows = names.map((name) => {
    const { title, source } = findCorruption(name).corruption;
    const costs = runs.map(({ result }) => result.corruptions.find(({ corruption }) => corruption === name));
    return {
      cells: [
        title,
        ...costs.map((cost) => (cost ? points(cost.relativeError) : NONE)),
        ...costs.map((cost) => (cost ? points(cost.balancedRelativeError) : NONE)),
        source,
      ],
    };
  });
  const foot = {
    cells: [
      'mean',
      ...runs.map(({ result }) => points(result.relativeError)),
      ...runs.map(({ result }) => points(result.balancedRelativeError)),
      '',
    ],
  };
  const title = (figure: string) => runs.map(({ name }) => `${runs.length > 1 ? `${name}: ` : ''}${figure}`);
  return table(
    'Relative error: points of accuracy lost against clean images, mean over the severities; balanced: of the mean recall of the classes.',
    [
      { title: 'corruption' },
      ...title('relative error').map((each) => ({ title: each, number: true })),
      ...title('balanced').map((each) => ({ title: each, number: true })),
      { title: 'source' },
    ],
    rows,
    [foot],
  );
}

function severityTable({ name, result }: RobustRun): Html {
  const severities = SEVERITIES.filter((severity) =>
    result.corruptions.some(({ accuracies }) => accuracies.some((each) => each.severity === severity)),
  );
  return table(
    `${name}: accuracy at each severity, % (95 % interval). Clean: ${percentInterval(result.clean)}.`,
    [
      { title: 'corruption' },
      ...severities.map((severity) => ({ title: `severity ${severity}`, number: true })),
    ],
    result.corruptions.map(({ corruption, accuracies }) => ({
      cells: [
        findCorruption(corruption).corruption.title,
        ...severities.map((severity) => {
          const share = accuracies.find((each) => each.severity === severity);
          return share ? percentInterval(share) : NONE;
        }),
      ],
    })),
  );
}

function stripTable(strips: RobustnessPage['strips']): Html {
  return table(
    'One test image for each corruption: clean, then severities 1 to 5.',
    [{ title: 'corruption' }, { title: 'clean, 1, 2, 3, 4, 5' }, { title: 'levels' }],
    strips.map(({ corruption, picture }) => {
      const { title, levels } = findCorruption(corruption).corruption;
      if (!PICTURE.test(picture))
        throw mismatch(
          `report, ${corruption}`,
          'a picture as data:image/webp;base64,…',
          picture.slice(0, 40),
        );
      const alt = `${title}: the clean image and severities 1 to 5 side by side`;
      return { cells: [title, html`<img src="${picture}" alt="${alt}">`, levels.join('; ')] };
    }),
  );
}

function points(share: number): string {
  return decimal(100 * share, 2);
}
