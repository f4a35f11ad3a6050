/** The parts that pages are put together from: the document itself, tables, captioned figures, tiles. */
import { createHash } from 'node:crypto';
import { mismatch } from '../errors.ts';
import type { Figure } from './figure.ts';
import { decimal, probability } from './format.ts';
import { type Html, type HtmlValue, html, trusted } from './html.ts';
import { STYLESHEET } from './stylesheet.ts';
import { type ResultTable, tableTexts } from './tables.ts';
import type { ReconstructionPicture, SampleImage } from './types.ts';

export interface PageParts {
  /** Added to the style sheet of all pages. */
  readonly style?: string;
  /** Soma's own script, for a page that is worked with; no other one can run. Most pages have none. */
  readonly script?: string;
}

/** A self-contained document: nothing loaded from anywhere, the style sheet and a script, if there is one, inside. */
export function page(title: string, body: HtmlValue, { style = '', script }: PageParts = {}): string {
  // Forbids whatever an escaping mistake might let in: scripts, frames, anything from the network.
  const hash = script && createHash('sha256').update(script).digest('base64');
  const scripts = hash ? `; script-src 'sha256-${hash}'` : '';
  const policy = `default-src 'none'; style-src 'unsafe-inline'; img-src data:${scripts}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<title>${title}</title>
<style>${trusted(STYLESHEET + style)}</style>
</head>
<body>
${body}
${script && html`<script>${trusted(script)}</script>`}
</body>
</html>
`.toString();
}

export interface Column {
  readonly title: string;
  /** Right-aligned, not broken. */
  readonly number?: boolean;
}

export interface Row {
  /** As many as there are columns; the first is the row's heading. */
  readonly cells: readonly HtmlValue[];
  /** Printed in bold. */
  readonly differs?: boolean;
}

/** A printed table of up to so many rows is moved to the next page rather than broken. */
const LONGEST_UNBROKEN = 26;

/** A captioned table. `foot` rows are set off below the others. */
export function table(
  caption: HtmlValue,
  columns: readonly Column[],
  rows: readonly Row[],
  foot: readonly Row[] = [],
): Html {
  const kind = (column: number, cell: HtmlValue) => {
    if (columns[column].number) return trusted(' class="number"');
    return trusted(isShort(cell) ? ' class="short"' : ' class="value"');
  };
  const line = ({ cells, differs }: Row) =>
    html`<tr${differs && trusted(' class="differs"')}>${cells.map((cell, c) =>
      c === 0
        ? html`<th scope="row"${isShort(cell) && trusted(' class="short"')}>${cell}</th>`
        : html`<td${kind(c, cell)}>${cell}</td>`,
    )}</tr>\n`;
  return html`<div class="${rows.length <= LONGEST_UNBROKEN ? 'table whole' : 'table'}"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map(
    ({ title, number }) => html`<th scope="col"${number && trusted(' class="number"')}>${title}</th>`,
  )}</tr></thead>
<tbody>
${rows.map(line)}</tbody>
${foot.length > 0 && html`<tfoot>\n${foot.map(line)}</tfoot>\n`}</table></div>
`;
}

/** A table of results as other programs get it; figures to the right. */
export function resultBlock(of: ResultTable, caption: HtmlValue = of.caption): Html {
  const [header, ...rows] = tableTexts(of);
  const isFigure = (column: number) =>
    of.rows.every((cells) => typeof cells[column].value !== 'string') && column > 0;
  return table(
    caption,
    header.map((title, column) => ({ title, number: isFigure(column) })),
    rows.map((cells) => ({ cells })),
  );
}

/** Short cells are kept on one line, so that `AE-CNN` is not parted at its hyphen. */
function isShort(cell: HtmlValue): boolean {
  return typeof cell === 'string' && cell.length <= 28;
}

/**
 * A figure of a file that was read back. As a picture of its own nothing in it can run, load, or meet the ids of the page;
 * it stays a vector graphic.
 */
export function plateImage({ svg, slug, title, description }: Figure, caption: HtmlValue): Html {
  const data = Buffer.from(svg).toString('base64');
  return html`<figure id="${slug}"><img src="data:image/svg+xml;base64,${data}" alt="${title}. ${description}">
<figcaption class="counted">${caption}</figcaption></figure>
`;
}

/** A figure with its number and a caption. */
export function figureBlock({ svg, slug }: Figure, caption: HtmlValue): Html {
  return html`<figure id="${slug}">
${trusted(svg)}
<figcaption class="counted">${caption}</figcaption>
</figure>
`;
}

export interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
}

/** The few numbers that a reader looks for first. */
export function tiles(items: readonly Tile[]): Html {
  return html`<dl class="tiles">${items.map(
    ({ name, value, note }) =>
      html`<div><dt>${name}</dt><dd>${value}${note && html`<small>${note}</small>`}</dd></div>`,
  )}</dl>\n`;
}

/** What the reader must know before believing the rest; nothing where there are none. */
export function warningBox(warnings: readonly string[]): HtmlValue {
  if (warnings.length === 0) return null;
  return html`<section class="warnings" aria-label="Warnings"><strong>Please note</strong><ul>${warnings.map(
    (warning) => html`<li>${warning}</li>`,
  )}</ul></section>\n`;
}

/** Pictures with truth, prediction and confidence. Only PNG data of the caller's own is let in. */
export function sampleGrid(samples: readonly SampleImage[]): Html {
  return html`<div class="samples">${samples.map((sample) => {
    expectPng(`sample ${sample.name}`, sample.png);
    return html`<figure><img src="${sample.png}" alt="Image ${sample.name}, ${sample.label} taken for ${sample.predicted}">
<figcaption>${sample.label} taken for <strong>${sample.predicted}</strong>, ${probability(sample.confidence)}<br><span class="path">${sample.name}</span></figcaption></figure>\n`;
  })}</div>\n`;
}

/** Images above what was made of them. Only PNG data of the caller's own is let in. */
export function reconstructionBlock({ png, classes, mse, mae }: ReconstructionPicture): Html {
  expectPng('reconstructions', png);
  return html`<figure id="reconstructions"><img src="${png}" alt="Test images of ${classes.join(', ')}, and below what was made of each">
<figcaption class="counted">Test images of ${classes.join(', ')}; below each what was made of it. Over all test images the mean squared error is ${decimal(mse, 4)} and the mean absolute error ${decimal(mae, 4)}, of pixels in [0, 1].</figcaption></figure>
`;
}

function expectPng(what: string, png: string): void {
  if (/^data:image\/png;base64,[A-Za-z0-9+/]+=*$/.test(png)) return;
  throw mismatch(`report, ${what}`, 'a picture as data:image/png;base64,…', png.slice(0, 40));
}
