/**
 * One look for every figure and page: colours that colour-blind readers tell apart and that differ in grey,
 * the reader's own sans-serif, thin axes, no frames.
 *
 * Categories take the palette of Okabe & Ito (Color Universal Design, 2008) without its yellow, which
 * vanishes on paper, and with a grey in its place, dark enough not to pass for green or purple. From the ninth category on, colours come again with
 * another dash.
 */
import type { Config } from 'vega-lite';

export const COLOURS = {
  blue: '#0072B2',
  vermilion: '#D55E00',
  green: '#009E73',
  purple: '#CC79A7',
  orange: '#E69F00',
  sky: '#56B4E9',
  black: '#1A1A1A',
  grey: '#6B6B6B',
} as const;

/** Colours of categories, in order of use. */
export const CATEGORY_COLOURS: readonly string[] = Object.values(COLOURS);

const DASHES: readonly (readonly number[])[] = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 3, 2, 3],
];

/** Colour of category `index`. */
export function categoryColour(index: number): string {
  return CATEGORY_COLOURS[index % CATEGORY_COLOURS.length];
}

/** Dash of category `index`: solid for the first eight. */
function categoryDash(index: number): number[] {
  return [...DASHES[Math.floor(index / CATEGORY_COLOURS.length) % DASHES.length]];
}

/** Scales of categories: each its colour, and its dash. */
export function categoryColours(labels: readonly string[]): { domain: string[]; range: string[] } {
  return { domain: [...labels], range: labels.map((_, index) => categoryColour(index)) };
}

export function categoryDashes(labels: readonly string[]): { domain: string[]; range: number[][] } {
  return { domain: [...labels], range: labels.map((_, index) => categoryDash(index)) };
}

/** Shades of one hue, from none to all, for heat maps. */
export const SHADES: readonly string[] = ['#FFFFFF', '#D6E6F4', '#8FC1E3', '#3A8FC7', '#0B5C94', '#08365C'];

export const INK = '#1A1A1A';
export const FAINT_INK = '#555555';
/** Of words that are set off: dark enough to be read, which vermilion on white is not. */
export const ALERT_INK = '#A84A00';
export const GRID = '#E3E3E3';
export const FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

/** Settings that all figures share; sizes are in CSS pixels. */
export const FIGURE_CONFIG: Config = {
  font: FONT,
  background: '#FFFFFF',
  padding: 4,
  // Each figure carries one description; a label on each of thousands of marks would bury it.
  aria: false,
  view: { stroke: null },
  axis: {
    labelColor: INK,
    titleColor: INK,
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 8,
    labelLimit: 0,
    titleLimit: 0,
    domainColor: FAINT_INK,
    tickColor: FAINT_INK,
    tickSize: 4,
    gridColor: GRID,
    labelPadding: 4,
    labelFlush: false,
  },
  header: { labelFontSize: 12, labelColor: INK, title: null },
  legend: {
    title: null,
    labelFontSize: 11,
    labelColor: INK,
    labelLimit: 0,
    symbolStrokeWidth: 2.5,
    symbolSize: 150,
    columnPadding: 16,
    rowPadding: 3,
  },
  title: { fontSize: 13, fontWeight: 600, color: INK, anchor: 'start', offset: 10, limit: 0 },
  line: { strokeWidth: 1.75 },
  point: { size: 40, filled: true, opacity: 1 },
  rule: { color: FAINT_INK },
  text: { color: INK, fontSize: 11 },
  concat: { spacing: 36 },
};

/** Of an axis or a legend of shares: percentages with a space and as many decimals on all labels, e.g. `97.5 %`, `98.0 %`. */
export const PERCENT_AXIS = { format: '%', labelExpr: "replace(datum.label, '%', ' %')" };
