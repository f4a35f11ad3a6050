/**
 * The gallery of a review: each image worth a look with its label, what networks that have not learnt from it say, and a
 * place for a decision. One file; decisions are made in it, by mouse or keys, and exported for `soma data relabel`.
 */
import { mismatch } from '../errors.ts';
import { REVIEW_KINDS, type Review, type ReviewedImage, type ReviewKind } from '../measure/review.ts';
import { drawFigure, type Figure } from './figure.ts';
import { labelJointFigure } from './figures/label-joint-figure.ts';
import { decimal, percent, whole } from './format.ts';
import { type Html, html } from './html.ts';
import { figureBlock, page, tiles, warningBox } from './page.ts';
import { REVIEW_SCRIPT } from './review-script.ts';
import { ALERT_INK, COLOURS, FAINT_INK, GRID } from './theme.ts';

export interface ReviewPage {
  readonly review: Review;
  /** Name of the data. */
  readonly data: string;
  /** Of the data: browsers keep decisions under it. */
  readonly fingerprint: string;
  /** How it was judged. */
  readonly method: string;
  /** Pictures by the image's name, as data URI; images without one are not shown. */
  readonly pictures: ReadonlyMap<string, string>;
  /** Command by which decisions go back in. */
  readonly command: string;
  readonly notes: readonly string[];
}

const KINDS: Readonly<Record<ReviewKind, { readonly title: string; readonly what: string }>> = {
  'label-error': { title: 'likely wrong label', what: 'by confident learning, pruned by noise rate' },
  conflict: { title: 'conflicting labels', what: 'the same picture bears two labels' },
  duplicate: { title: 'copy', what: 'the same picture, or nearly, lies there more than once' },
  outlier: { title: 'outlier', what: 'colours, brightness or sharpness unlike those of the other images' },
};

export function reviewFigures({ review }: Pick<ReviewPage, 'review'>): Promise<Figure[]> {
  return Promise.all([drawFigure(labelJointFigure(review.joint, review.classes))]);
}

/** What a review found, without its images. */
export interface ReviewNumbers {
  readonly classes: readonly string[];
  /** Of the data, and of those that a network was asked about. */
  readonly images: number;
  readonly scored: number;
  readonly agreement: number;
  readonly estimatedErrors: number;
  readonly counts: Readonly<Record<ReviewKind, number>>;
  readonly joint: readonly (readonly number[])[];
}

export function reviewNumbers({ images, ...review }: Review): ReviewNumbers {
  const { classes, scored, agreement, estimatedErrors, joint } = review;
  return {
    ...{ classes, images: images.length, scored, agreement, estimatedErrors, joint },
    counts: {
      'label-error': countOf(images, 'label-error'),
      conflict: countOf(images, 'conflict'),
      duplicate: countOf(images, 'duplicate'),
      outlier: countOf(images, 'outlier'),
    },
  };
}

/** How many images of each kind there are. */
export function reviewTiles({ images, scored, agreement, estimatedErrors, counts }: ReviewNumbers): Html {
  return tiles([
    {
      name: 'images judged',
      value: whole(scored),
      note: `of ${whole(images)}; ${percent(agreement, 1)} predicted as labelled`,
    },
    {
      name: 'labels wrong by estimate',
      value: whole(estimatedErrors),
      note: percent(estimatedErrors / Math.max(1, scored), 1),
    },
    ...REVIEW_KINDS.map((kind) => ({
      name: KINDS[kind].title,
      value: whole(counts[kind]),
      note: KINDS[kind].what,
    })),
  ]);
}

export function jointBlock(joint: Figure): Html {
  return figureBlock(
    joint,
    'Given labels against likely ones: number of images, and share of the given label. Estimated by confident learning; shades follow the square root of the share.',
  );
}

export async function renderReview(of: ReviewPage): Promise<string> {
  const { review, data, fingerprint, method, pictures, command, notes } = of;
  const [joint] = await reviewFigures(of);
  const worth = review.images.filter(({ kinds }) => kinds.length > 0);
  const shown = worth.filter(({ image }) => pictures.has(image));
  const hidden = worth.length - shown.length;
  const more =
    hidden > 0
      ? [`${whole(hidden)} more images are worth a look: see review.csv, or ask for more with --most.`]
      : [];
  const body = html`<header>
<h1>Labels of ${data} worth a second look</h1>
<p class="lead">${method}</p>
</header>
<main data-review="${fingerprint.slice(0, 16)}">
${reviewTiles(reviewNumbers(review))}
${warningBox([...notes, ...more])}
<section id="gallery" aria-label="Gallery">
<h2>Decide</h2>
${toolbar(review, worth)}
<div class="cards">
${shown.map((image, i) => card(image, i, of))}</div>
</section>
<section id="joint"><h2>What the labels are likely to be</h2>
${jointBlock(joint)}</section>
<section id="next"><h2>Then</h2>
<p>Export the decisions and apply them; no file of the data is touched, and every decision can be undone:</p>
<p><code>${command}</code></p></section>
</main>`;
  return page(`Labels of ${data} – Soma`, body, { style: STYLE, script: REVIEW_SCRIPT });
}

function countOf(images: readonly ReviewedImage[], kind: ReviewKind): number {
  return images.filter(({ kinds }) => kinds.includes(kind)).length;
}

function toolbar({ classes }: Review, worth: readonly ReviewedImage[]): Html {
  const choice = (id: string, title: string, options: readonly { value: string; text: string }[]) =>
    html`<label>${title} <select id="${id}" class="filter"><option value="">all</option>${options.map(
      ({ value, text }) => html`<option value="${value}">${text}</option>`,
    )}</select></label>\n`;
  const named = classes.map((name) => ({ value: name, text: name }));
  const kinds = REVIEW_KINDS.map((kind) => ({
    value: kind,
    text: `${KINDS[kind].title} (${countOf(worth, kind)})`,
  })).filter((_, i) => countOf(worth, REVIEW_KINDS[i]) > 0);
  return html`<noscript><p>Decisions are made with a script, which this browser does not run. Fill in the column <code>decision</code> of review.csv instead.</p></noscript>
<div class="toolbar" role="toolbar" aria-label="Filter and export">
${choice('kind', 'Kind', kinds)}${choice('label', 'Label', named)}${choice('likely', 'Rather', named)}<label><input type="checkbox" id="open" class="filter"> undecided only</label>
<span id="decided" role="status"></span>
<button type="button" class="export" data-format="csv">Export CSV</button>
<button type="button" class="export" data-format="json">Export JSON</button>
<button type="button" id="forget">Forget</button>
<p class="keys"><kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>y</kbd> keep · <kbd>a</kbd> accept the suggestion · ${classes
    .slice(0, 9)
    .map(
      (name, k) => html`<kbd>${k + 1}</kbd> ${name} `,
    )}· <kbd>x</kbd> remove · <kbd>r</kbd> other class · <kbd>w</kbd> why · <kbd>u</kbd> undecided · <kbd>Esc</kbd> back</p>
</div>
`;
}

const PICTURE = /^data:image\/(png|webp);base64,[A-Za-z0-9+/]+=*$/;

function card(image: ReviewedImage, i: number, { review, pictures }: ReviewPage): Html {
  const { classes, groups } = review;
  const picture = pictures.get(image.image) ?? '';
  if (!PICTURE.test(picture))
    throw mismatch(`review, ${image.image}`, 'a picture as data:image/webp;base64,…', picture.slice(0, 40));
  const label = classes[image.label];
  const suggested = image.suggested === null ? '' : classes[image.suggested];
  const copies =
    image.group === null ? [] : groups[image.group].images.filter((name) => name !== image.image);
  const labelOf = new Map(review.images.map((each) => [each.image, classes[each.label]]));
  return html`<article class="card" tabindex="-1" aria-labelledby="title-${i}" data-image="${image.image}" data-label="${label}" data-sha256="${image.sha256}" data-kinds="${image.kinds.join(' ')}" data-suggested="${suggested}">
<img src="${picture}" alt="${image.image}, labelled ${label}" width="128" height="128" loading="lazy">
<div class="facts">
<h3 id="title-${i}">${label}${suggested && html` <span class="rather">rather ${suggested}?</span>`}</h3>
<p class="kinds">${image.kinds.map((kind) => html`<span class="kind ${kind}">${KINDS[kind].title}</span> `)}</p>
${probabilities(image, classes)}
${copies.length > 0 && html`<p>Same picture: ${copies.map((name, c) => html`${c > 0 && ', '}<span class="path">${name}</span> (${labelOf.get(name) ?? '?'})`)}</p>`}
<p class="path">${image.image}</p>
</div>
<fieldset><legend>Decision</legend>
<label><input type="radio" name="decision-${i}" value="keep"> keep</label>
<span><label><input type="radio" name="decision-${i}" value="relabel"> relabel</label> <select aria-label="to">${classes.map(
    (name) => html`<option${name === (suggested || label) && ' selected'}>${name}</option>`,
  )}</select></span>
<label><input type="radio" name="decision-${i}" value="remove"> remove</label>
<input type="text" class="why" aria-label="Why" placeholder="why">
<output></output>
</fieldset>
</article>
`;
}

/** Bars of classes that a card shows. */
const MOST_BARS = 3;

function probabilities(
  { scores, label, distance, outlier }: ReviewedImage,
  classes: readonly string[],
): Html {
  const far = html`${outlier && html`<p class="scores">${decimal(distance, 1)} times the usual distance to its neighbours</p>`}`;
  if (!scores) return html`<p class="scores">not judged by a network</p>${far}`;
  const order = [...classes.keys()].sort((a, b) => scores.probabilities[b] - scores.probabilities[a]);
  const top = order.slice(0, MOST_BARS);
  const bars = top.includes(label) ? top : [...top.slice(0, MOST_BARS - 1), label];
  return html`<table class="bars"><tbody>${bars.map((k) => {
    const share = scores.probabilities[k];
    return html`<tr${k === label && ' class="given"'}><th scope="row">${classes[k]}</th><td><meter min="0" max="1" value="${Number(share.toFixed(4))}" aria-hidden="true"></meter></td><td class="number">${percent(share, 1)}</td></tr>`;
  })}</tbody></table>
<p class="scores">margin ${decimal(scores.normalizedMargin, 3)} · entropy score ${decimal(scores.confidenceWeightedEntropy, 3)}</p>${far}`;
}

const STYLE = `
.tiles { grid-template-columns: repeat(3, 1fr); }
.toolbar { position: sticky; top: 0; z-index: 1; background: #fff; border-bottom: 1px solid ${GRID}; padding: 8px 0; margin-bottom: 16px;
  display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; font-size: 13.5px; }
body:not(.live) .toolbar, body:not(.live) .card fieldset { display: none; }
.keys { width: 100%; max-width: none; margin: 0; font-size: 12px; color: ${FAINT_INK}; }
kbd { border: 1px solid ${GRID}; border-radius: 3px; padding: 0 4px; font-size: 11px; background: #F6F6F6; }
#decided { margin-left: auto; }
button, select, input { font: inherit; font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap: 14px; }
.card { display: grid; grid-template-columns: 128px 1fr; gap: 6px 14px; border: 1px solid ${GRID}; border-left: 4px solid ${GRID};
  padding: 10px 12px; break-inside: avoid; outline-offset: 2px; scroll-margin: 90px; align-content: start; }
.card[hidden] { display: none; }
.card.current { outline: 2px solid ${COLOURS.blue}; }
.card.decided { border-left-color: ${COLOURS.green}; background: #F7FBF9; }
.card > img { width: 128px; height: 128px; border: 1px solid ${GRID}; }
.card h3 { margin: 0; }
.card p { margin: 2px 0; font-size: 12.5px; }
.rather { font-weight: 400; color: ${ALERT_INK}; }
.kind { display: inline-block; font-size: 11.5px; padding: 0 6px; border: 1px solid currentColor; border-radius: 9px; color: ${FAINT_INK}; }
.kind.label-error, .kind.conflict { color: ${ALERT_INK}; }
.bars { border: 0; font-size: 12.5px; }
.bars tbody tr + tr { border-top: 0; }
.bars th, .bars td { padding: 0 8px 0 0; }
.bars .given th { font-weight: 600; }
.bars meter { width: 90px; height: 10px; }
.bars meter::-webkit-meter-optimum-value { background: ${COLOURS.blue}; }
.bars meter::-moz-meter-bar { background: ${COLOURS.blue}; }
.scores { color: ${FAINT_INK}; }
.card .path { font-size: 11.5px; color: ${FAINT_INK}; }
.card fieldset { grid-column: 1 / -1; border: 0; border-top: 1px solid ${GRID}; margin: 0; padding: 6px 0 0; display: flex; flex-wrap: wrap;
  gap: 4px 14px; align-items: center; font-size: 13px; }
.card legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.why { flex: 1; min-width: 60px; border: 1px solid ${GRID}; padding: 1px 6px; }
.card output { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 520px) { .cards { grid-template-columns: 1fr; } .card { grid-template-columns: 96px 1fr; } .card > img { width: 96px; height: 96px; } }
@media print {
  .toolbar, .card fieldset > :not(output), #next { display: none; }
  .cards { grid-template-columns: 1fr 1fr; gap: 6pt; }
  .card { grid-template-columns: 72pt 1fr; }
  .card > img { width: 72pt; height: 72pt; }
  .card fieldset { border: 0; padding: 0; }
  .card output { position: static; width: auto; height: auto; clip-path: none; font-weight: 600; }
  .card output:not(:empty)::before { content: "Decision: "; font-weight: 400; }
  .tiles { grid-template-columns: repeat(6, 1fr); }
  .bars meter { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
