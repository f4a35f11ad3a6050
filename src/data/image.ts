/**
 * One image: from an encoded file, or from raw pixels, to 8-bit pixels of a wanted shape (NHWC order, one
 * image: height × width × channels).
 *
 * Resizing stretches to the wanted height and width (no crop, no border) with the Catmull–Rom cubic kernel,
 * widened when it shrinks: the bicubic of PIL, with which MedMNIST was made. Alpha is dropped, 16 bits
 * become 8, CMYK and embedded profiles become sRGB, the EXIF orientation is applied, and of a TIFF with
 * several pages the first is read. Grey from colour is ITU-R BT.601 luma, as in PIL and OpenCV.
 */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { decodeBmp } from './bmp.ts';

export interface ImageShape {
  readonly height: number;
  readonly width: number;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: number;
}

/** 8-bit pixels with their own shape. */
export interface Pixels extends ImageShape {
  readonly data: Uint8Array;
}

/** File endings that are read as images (lower case, with the dot). */
export const IMAGE_ENDINGS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.bmp'];

// Training reads many small images once: one thread an image, and no cache that would hold pixels twice or
// give the old content of a file that was replaced.
sharp.concurrency(1);
sharp.cache(false);

/** How sharp is told of raw pixels. */
export function rawShape({ height, width, channels }: ImageShape) {
  return { height, width, channels: channels === 1 ? (1 as const) : (3 as const) };
}

/** Bytes of one image. */
export function imageBytes(shape: ImageShape): number {
  return shape.height * shape.width * shape.channels;
}

/**
 * Decodes an image file.
 * @param size wanted height and width; the stored size when absent
 * @returns RGB pixels (or grey ones, if the decoder gives one channel)
 * @throws Error with the decoder's reason when the file is no image or is cut off
 */
export async function decodeFile(path: string, size?: { height: number; width: number }): Promise<Pixels> {
  if (extname(path).toLowerCase() !== '.bmp') return decode(sharp(path, DECODE), size);
  const file = await readFile(path);
  if (sniffImage(file) !== 'bmp') return decode(sharp(file, DECODE), size);
  const rgb = { ...decodeBmp(file), channels: 3 };
  return size ? resizePixels(rgb, size) : rgb;
}

const DECODE = { failOn: 'error', autoOrient: true } as const;

async function decode(image: Sharp, size?: { height: number; width: number }): Promise<Pixels> {
  const upright = image.removeAlpha().toColourspace('srgb');
  const sized = size ? upright.resize(size.width, size.height, RESIZE) : upright;
  const { data, info } = await sized.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { data, height: info.height, width: info.width, channels: info.channels };
}

const RESIZE = { kernel: 'cubic', fit: 'fill', fastShrinkOnLoad: false } as const;

/** Resizes raw pixels; returns the same object when they already have the size. */
export async function resizePixels(pixels: Pixels, size: { height: number; width: number }): Promise<Pixels> {
  if (pixels.height === size.height && pixels.width === size.width) return pixels;
  return decode(sharp(pixels.data, { raw: rawShape(pixels) }), size);
}

/**
 * Writes pixels into `target` with the wanted number of channels: grey is repeated into RGB, RGB becomes
 * BT.601 luma.
 * @param target height × width × channels bytes
 */
export function writeChannels(pixels: Pixels, target: Uint8Array, channels: number): void {
  const { data } = pixels;
  if (pixels.channels === channels) {
    target.set(data);
    return;
  }
  const area = pixels.height * pixels.width;
  if (channels === 3) {
    const step = pixels.channels;
    for (let i = 0, from = 0, to = 0; i < area; i++, from += step, to += 3) {
      const grey = data[from];
      target[to] = grey;
      target[to + 1] = grey;
      target[to + 2] = grey;
    }
    return;
  }
  for (let i = 0, from = 0; i < area; i++, from += pixels.channels) {
    target[i] = luma(data[from], data[from + 1], data[from + 2]);
  }
}

/** BT.601 luma of 8-bit RGB in 16-bit fixed point, rounded: 0.299 R + 0.587 G + 0.114 B. */
export function luma(r: number, g: number, b: number): number {
  return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
}

export type ImageKind = 'jpeg' | 'png' | 'webp' | 'tiff' | 'bmp';

/** Tells the kind of an image from its first bytes (16 suffice), or undefined if it is none that is read. */
export function sniffImage(head: Uint8Array): ImageKind | undefined {
  const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
  const ascii = (at: number, text: string) =>
    [...text].every((letter, i) => head[at + i] === letter.charCodeAt(0));
  if (starts(0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(0x89, 0x50, 0x4e, 0x47)) return 'png';
  if (ascii(0, 'RIFF') && ascii(8, 'WEBP')) return 'webp';
  if (ascii(0, 'II') && (head[2] === 42 || head[2] === 43)) return 'tiff';
  if (ascii(0, 'MM') && (head[3] === 42 || head[3] === 43)) return 'tiff';
  if (ascii(0, 'BM')) return 'bmp';
  return undefined;
}
