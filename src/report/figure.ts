/**
 * Figures as vector graphics: a Vega-Lite specification in, a self-contained SVG with a text alternative out.
 * Rendered headless; the same input gives the same bytes.
 */
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { makeFolder, writeAside } from '../files.ts';
import { escapeHtml } from './html.ts';
import { textWidth } from './text-width.ts';
import { FIGURE_CONFIG } from './theme.ts';

/** A drawn figure. */
export interface Figure {
  /** Name for files and anchors, e.g. `training-curves`. */
  readonly slug: string;
  readonly title: string;
  /** What the figure shows, in words, for those who cannot see it. */
  readonly description: string;
  readonly svg: string;
}

/** What a figure is drawn from. */
export interface FigureSource {
  readonly slug: string;
  readonly title: string;
  readonly description: string;
  readonly spec: TopLevelSpec;
}

declare module 'vega' {
  /** How Vega measures text while it lays out; missing from its type definitions. */
  const textMetrics: { width: (item: { fontSize?: number }, line?: string) => number };
}

/** Loaded where something is drawn: no command should wait for it that draws nothing. */
async function loadVega() {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  // Without a canvas Vega takes 0.8 em for every letter, which tears legends apart; with one, layouts would
  // depend on the fonts of the machine.
  vega.textMetrics.width = (item, line) => textWidth(line ?? '', item.fontSize ?? 11);
  return { vega, compile };
}

/** Draws one figure. */
export async function drawFigure({ slug, title, description, spec }: FigureSource): Promise<Figure> {
  const { vega, compile } = await loadVega();
  // Warnings are for who writes a figure, not for who reads it.
  const logger = vega.logger(vega.Error);
  const { spec: runtime } = compile({ ...spec, config: FIGURE_CONFIG }, { logger });
  const view = new vega.View(vega.parse(runtime), { renderer: 'none', logLevel: vega.Error });
  try {
    vega.resetSVGDefIds();
    const svg = await view.toSVG();
    return { slug, title, description, svg: labelled(svg, slug, title, description) };
  } finally {
    view.finalize();
  }
}

/**
 * Adds the text alternative, and makes ids unique: several figures share one page, and a clip path that
 * finds its namesake in another figure cuts at the wrong place.
 */
export function labelled(svg: string, slug: string, title: string, description: string): string {
  const own = svg
    .replaceAll(/\bid="([^"]+)"/g, `id="${slug}-$1"`)
    .replaceAll(/url\(#([^)]+)\)/g, `url(#${slug}-$1)`)
    .replaceAll(/xlink:href="#([^"]+)"/g, `xlink:href="#${slug}-$1"`);
  const name = escapeHtml(title);
  return own.replace(
    /<svg\b([^>]*)>/,
    (_, attributes: string) =>
      `<svg${attributes} role="img" aria-label="${name}" aria-describedby="${slug}-description">` +
      `<desc id="${slug}-description">${escapeHtml(description)}</desc>`,
  );
}

/** Writes each figure as `<slug>.svg` into a folder, made if it is missing, and returns the paths. */
export async function writeFigures(folder: string, figures: readonly Figure[]): Promise<string[]> {
  await makeFolder(folder);
  const paths: string[] = [];
  for (const { slug, svg } of figures) {
    const path = join(folder, `${slug}.svg`);
    await writeAside(path, `<?xml version="1.0" encoding="UTF-8"?>\n${svg}\n`);
    paths.push(path);
  }
  return paths;
}
