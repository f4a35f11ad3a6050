/**
 * How wide words are in a sans-serif font, for placing legends and axis titles where no canvas can measure
 * them; and names shortened to fit. Widths are shares of the font size, rounded up over the common system
 * fonts (Helvetica, Segoe UI, Roboto, DejaVu Sans), so that nothing overlaps in any of them.
 */

const WIDTHS: readonly (readonly [characters: RegExp, width: number])[] = [
  // The first that matches holds.
  [/[iljI.,:;'|!]/, 0.31],
  [/[ ftr()[\]\-/\\*"]/, 0.4],
  [/[mwMW@%—]/, 0.93],
  [/[0-9a-z_?$+<=>~−–×]/, 0.61],
  // Han, kana, Hangul and full-width forms are as wide as the font is high.
  [/[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uff00-\uff60]/, 1],
];

/** Capitals, and whatever else there is. */
const OTHER = 0.72;

/** Width of one line of text in pixels, at least that of the rendered text in common fonts. */
export function textWidth(text: string, fontSize: number): number {
  let ems = 0;
  for (const character of text) {
    ems += WIDTHS.find(([characters]) => characters.test(character))?.[1] ?? OTHER;
  }
  return ems * fontSize;
}

/** The text, or its beginning and an ellipsis where it is longer than `limit` characters. */
export function shorten(text: string, limit: number): string {
  const characters = [...text];
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join('')}…`;
}

/** Names of at most `limit` characters that still differ from each other, for axes and legends. */
export function shortNames(names: readonly string[], limit = 24): string[] {
  const short = names.map((name) => shorten(name, limit));
  return short.map((name, k) =>
    short.indexOf(name) === k ? name : `${shorten(names[k], limit - 5)} ${k + 1}`,
  );
}

/** Longest name of a run, a system or an arm where it has a row or a legend of its own. */
const LONGEST_ROW = 44;

export function rowNames(names: readonly string[]): string[] {
  return shortNames(names, LONGEST_ROW);
}

/** Symbol and padding of an entry of a legend. */
const LEGEND_ENTRY = 40;

/** Columns of a legend above a figure of `width` pixels: as few rows as fit, about equally long. */
export function legendColumns(labels: readonly string[], width: number): number {
  const widest = Math.max(...labels.map((label) => textWidth(label, 11)));
  const fitting = Math.max(1, Math.floor(width / (widest + LEGEND_ENTRY)));
  return Math.ceil(labels.length / Math.ceil(labels.length / fitting));
}
