/** What a run looks at: plates of explained images, and how the maps were made. */
import type { MethodName } from '../explain/methods.ts';
import { METHODS } from '../explain/methods.ts';
import { type Disagreement, KINDS } from '../measure/disagreement.ts';
import type { Figure } from './figure.ts';
import { whole } from './format.ts';
import { type Html, html } from './html.ts';
import { figureBlock, page, table, tiles } from './page.ts';

export interface UsedMethod {
  readonly name: MethodName;
  /** Layer that was looked at. */
  readonly layer: string;
  /** Settings that matter, e.g. `score logit, normalised by max`. */
  readonly settings: string;
}

export interface ExplainPage {
  /** Names of the runs; the second is compared with the first. */
  readonly runs: readonly string[];
  readonly data: string;
  readonly images: number;
  readonly methods: readonly UsedMethod[];
  readonly plates: readonly Figure[];
  /** Whatever else there is to say, in sections. */
  readonly sections?: readonly Html[];
}

export function renderExplanations(of: ExplainPage): string {
  const { runs, data, images, methods, plates, sections = [] } = of;
  return page(
    `What ${runs.join(' and ')} look at – Soma`,
    html`<header>
<h1>What ${runs.join(' and ')} ${runs.length > 1 ? 'look' : 'looks'} at</h1>
<p class="lead">${whole(images)} images: ${data}</p>
</header>
<main>
${tiles(methods.map(({ name, layer }) => ({ name: METHODS[name].title, value: layer, note: METHODS[name].source })))}
<p>A heat map shows what moves one number of a network on one image. It does not show that the network is right, nor that the hot place is the reason that a person would give; maps of an untrained network can look alike.</p>
${sections}
${plates.map(
  (plate) => html`<section id="section-${plate.slug}" class="plates"><h2>${plate.title}</h2>
${figureBlock(plate, `${plate.title}. Below each image what is true and what the network said; wrong answers in colour.`)}</section>`,
)}
<section id="methods"><h2>How the maps were made</h2>
${methodTable(methods)}</section>
</main>`,
  );
}

export function methodTable(methods: readonly UsedMethod[]): Html {
  return table(
    'Maps are enlarged bilinearly to the image.',
    [
      { title: 'method' },
      { title: 'what is hot' },
      { title: 'layer' },
      { title: 'settings' },
      { title: 'source' },
    ],
    methods.map(({ name, layer, settings }) => {
      const { title, what, source } = METHODS[name];
      return { cells: [title, what, html`<code>${layer}</code>`, settings, source] };
    }),
  );
}

export interface DisagreementPart {
  readonly names: readonly [string, string];
  readonly classes: readonly string[];
  readonly result: Disagreement;
  readonly verdict: string;
  readonly plates: readonly Figure[];
}

/** Who of two runs is right where, and what each looks at there. */
export function disagreementSection({ names, classes, result, verdict, plates }: DisagreementPart): Html {
  const [first, second] = names;
  const heads = ['both right', `only ${first}`, `only ${second}`, 'neither'];
  return html`<section id="against-${second}" class="plates"><h2>${first} against ${second}</h2>
<p>${verdict}</p>
${table(
  `Who is right about the ${result.images} images, by true class.`,
  [{ title: 'class' }, ...heads.map((title) => ({ title, number: true }))],
  classes.map((name, k) => ({ cells: [name, ...KINDS.map((kind) => result.perClass[k][kind])] })),
  [{ cells: ['all', ...KINDS.map((kind) => result.total[kind])] }],
)}
${plates.map((plate) =>
  figureBlock(
    plate,
    `${plate.title}: images whose true class the two give the most different probabilities. Each explains what it said itself, unless a class was named.`,
  ),
)}</section>`;
}
