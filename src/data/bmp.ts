/**
 * Windows bitmaps to RGB: uncompressed BMP with 1, 4, 8 (palette), 24 or 32 bits a pixel, stored bottom-up
 * or top-down. libvips does not read BMP. Masks other than the common BGR order and run-length
 * compression are refused by name. Layout: Microsoft BITMAPINFOHEADER and its successors.
 */

const FILE_HEADER = 14;
const BI_RGB = 0;
const BI_BITFIELDS = 3;
const COMMON_MASKS = [0x00ff0000, 0x0000ff00, 0x000000ff];
const MAX_PIXELS = 0x3fff * 0x3fff;

export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** height × width × 3 bytes, RGB. */
  readonly data: Uint8Array;
}

/**
 * Decodes a BMP file. Alpha is dropped.
 * @throws Error with the reason when the file is cut off or of a kind that is not read
 */
export function decodeBmp(file: Uint8Array): RgbImage {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < FILE_HEADER + 40 || view.getUint16(0, false) !== 0x424d) {
    throw new Error('no complete BMP header');
  }
  const pixelStart = view.getUint32(10, true);
  const headerSize = view.getUint32(14, true);
  if (headerSize < 40) throw new Error(`BMP header of ${headerSize} bytes (OS/2) is not read`);
  const width = view.getInt32(18, true);
  const signedHeight = view.getInt32(22, true);
  const bits = view.getUint16(28, true);
  const compression = view.getUint32(30, true);
  const height = Math.abs(signedHeight);
  if (width <= 0 || height === 0 || width * height > MAX_PIXELS) {
    throw new Error(`BMP of impossible size ${width}×${signedHeight}`);
  }
  if (![1, 4, 8, 24, 32].includes(bits)) throw new Error(`BMP with ${bits} bits a pixel is not read`);
  if (compression !== BI_RGB && !(compression === BI_BITFIELDS && bits === 32)) {
    throw new Error(`compressed BMP (method ${compression}) is not read`);
  }
  if (compression === BI_BITFIELDS) {
    const masks = [54, 58, 62].map((at) => (at + 4 <= file.length ? view.getUint32(at, true) : 0));
    if (masks.some((mask, i) => mask !== COMMON_MASKS[i])) throw new Error('BMP with uncommon colour masks');
  }
  const rowBytes = Math.ceil((width * bits) / 32) * 4;
  if (pixelStart + rowBytes * height > file.length) {
    throw new Error(`cut off: ${file.length} bytes of ${pixelStart + rowBytes * height}`);
  }
  const data = new Uint8Array(width * height * 3);
  const rowAt = (y: number) => pixelStart + rowBytes * (signedHeight > 0 ? height - 1 - y : y);
  if (bits >= 24) {
    copyTrueColour(file, data, { width, height, bytes: bits / 8, rowAt });
  } else {
    const colours = view.getUint32(46, true) || 1 << bits;
    const palette = file.subarray(FILE_HEADER + headerSize, FILE_HEADER + headerSize + colours * 4);
    copyPalette(file, data, palette, { width, height, bits, rowAt });
  }
  return { width, height, data };
}

interface Rows {
  readonly width: number;
  readonly height: number;
  readonly rowAt: (y: number) => number;
}

function copyTrueColour(file: Uint8Array, data: Uint8Array, rows: Rows & { bytes: number }): void {
  for (let y = 0, to = 0; y < rows.height; y++) {
    let from = rows.rowAt(y);
    for (let x = 0; x < rows.width; x++, from += rows.bytes, to += 3) {
      data[to] = file[from + 2];
      data[to + 1] = file[from + 1];
      data[to + 2] = file[from];
    }
  }
}

function copyPalette(
  file: Uint8Array,
  data: Uint8Array,
  palette: Uint8Array,
  rows: Rows & { bits: number },
): void {
  const perByte = 8 / rows.bits;
  const mask = (1 << rows.bits) - 1;
  for (let y = 0, to = 0; y < rows.height; y++) {
    const from = rows.rowAt(y);
    for (let x = 0; x < rows.width; x++, to += 3) {
      const shift = 8 - rows.bits * ((x % perByte) + 1);
      const entry = ((file[from + Math.floor(x / perByte)] >> shift) & mask) * 4;
      if (entry + 3 > palette.length) throw new Error(`colour ${entry / 4} is beyond the BMP's palette`);
      data[to] = palette[entry + 2];
      data[to + 1] = palette[entry + 1];
      data[to + 2] = palette[entry];
    }
  }
}
