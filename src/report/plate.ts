/**
 * A plate of small pictures with their captions as one vector graphic, e.g. image, heat map and overlay of several images.
 * Rows of pictures stand in columns side by side; pixels are kept as they are.
 */
import sharp from 'sharp';
import { type ImageShape, rawShape } from '../data/image.ts';
import { mismatch } from '../errors.ts';
import { type Figure, labelled } from './figure.ts';
import { escapeHtml } from './html.ts';
import { pictureGrid } from './picture-grid.ts';
import { textWidth } from './text-width.ts';
import { ALERT_INK, FAINT_INK, FONT, INK } from './theme.ts';

/** Bytes of a picture, NHWC. */
export interface Picture extends ImageShape {
  readonly pixels: Uint8Array;
}

export interface PlateRow {
  readonly pictures: readonly Picture[];
  /** Lines below the pictures; the first is the most important. */
  readonly caption: readonly string[];
  /** The first line is set off: something is wrong there. */
  readonly marked?: boolean;
}

export interface Plate {
  readonly slug: string;
  readonly title: string;
  /** What is to be seen, in words. */
  readonly description: string;
  /** Over each column of pictures. */
  readonly headings: readonly string[];
  readonly rows: readonly PlateRow[];
  /** Colours of heat from 0 to 1, as RGB bytes, for a key; left out: none. */
  readonly key?: Uint8Array;
}

/** Sides of pictures are about this many pixels, or less where there are many. */
const SIDE = 112;
/** Plates are about as wide as a page. */
const WIDTH = 940;
const GAP = 4;
const BETWEEN = 28;
const LINE = 14;
const FONT_SIZE = 11;

/** Draws the plate. */
export async function drawPlate(plate: Plate): Promise<Figure> {
  const { rows, headings, slug, title, description, key } = plate;
  if (rows.length === 0 || rows.some(({ pictures }) => pictures.length !== headings.length))
    throw mismatch(
      `plate ${slug}`,
      `rows of ${headings.length} pictures`,
      rows.map((row) => row.pictures.length),
    );
  const { height, width } = rows[0].pictures[0];
  const side = Math.min(SIDE, WIDTH / headings.length);
  const scale = Math.max(1, Math.round(side / Math.max(height, width)));
  const [cellWidth, cellHeight] = [scale * width, scale * height];
  const strip = headings.length * (cellWidth + GAP) - GAP;
  const across = Math.max(1, Math.min(rows.length, Math.floor((WIDTH + BETWEEN) / (strip + BETWEEN))));
  const lines = Math.max(...rows.map(({ caption }) => caption.length));
  const rowHeight = cellHeight + lines * LINE + 14;
  const down = Math.ceil(rows.length / across);
  const top = headings.some((heading) => heading) ? 18 : 0;
  const full = {
    width: across * (strip + BETWEEN) - BETWEEN,
    height: top + down * rowHeight + (key ? 26 : 0),
  };
  const parts: string[] = [];
  for (let column = 0; column < across; column++)
    for (const [c, heading] of headings.entries())
      parts.push(text(heading, column * (strip + BETWEEN) + c * (cellWidth + GAP), 11, { limit: cellWidth }));
  for (const [r, { pictures, caption, marked }] of rows.entries()) {
    const left = (r % across) * (strip + BETWEEN);
    const y = top + Math.floor(r / across) * rowHeight;
    for (const [c, picture] of pictures.entries()) {
      const at = `x="${left + c * (cellWidth + GAP)}" y="${y}" width="${cellWidth}" height="${cellHeight}"`;
      parts.push(`<image ${at} href="${await pngOf(picture, scale)}"/>`);
    }
    for (const [l, line] of caption.entries()) {
      const colour = l > 0 ? FAINT_INK : marked ? ALERT_INK : INK;
      const place = y + cellHeight + (l + 1) * LINE;
      parts.push(text(line, left, place, { limit: strip, colour, bold: l === 0 && marked }));
    }
  }
  if (key) parts.push(await keyOf(key, full.height - 18));
  const size = `viewBox="0 0 ${full.width} ${full.height}" width="${full.width}" height="${full.height}"`;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${escapeHtml(FONT)}" font-size="${FONT_SIZE}">` +
    `<rect width="100%" height="100%" fill="#FFFFFF"/>${parts.join('')}</svg>`;
  return { slug, title, description, svg: labelled(svg, slug, title, description) };
}

/** A plate as PNG, twice as large as on the page. */
export function platePng({ svg }: Figure): Promise<Buffer> {
  return sharp(Buffer.from(svg), { density: 144, unlimited: true }).png().toBuffer();
}

/** Pixels enlarged without smoothing. */
async function pngOf({ pixels, ...shape }: Picture, scale: number): Promise<string> {
  const { pixels: large, ...size } = pictureGrid([[pixels]], shape, scale);
  const png = await sharp(large, { raw: rawShape(size) })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}

interface TextStyle {
  /** Longest that fits, in pixels; the end of what is longer is left out. */
  readonly limit: number;
  readonly colour?: string;
  readonly bold?: boolean;
}

function text(words: string, x: number, y: number, { limit, colour = INK, bold }: TextStyle): string {
  let fitting = words;
  while (fitting.length > 1 && textWidth(fitting, FONT_SIZE) > limit + GAP)
    fitting = `${fitting.slice(0, -2)}…`;
  const weight = bold ? ' font-weight="600"' : '';
  return `<text x="${x}" y="${y}" fill="${colour}"${weight}>${escapeHtml(fitting)}</text>`;
}

async function keyOf(colours: Uint8Array, y: number): Promise<string> {
  const picture = { pixels: colours, height: 1, width: colours.length / 3, channels: 3 };
  const bar = `<image x="28" y="${y}" width="160" height="10" preserveAspectRatio="none" href="${await pngOf(picture, 1)}"/>`;
  return `${text('cold', 0, y + 9, { limit: 40 })}${bar}${text('hot', 194, y + 9, { limit: 40 })}`;
}
