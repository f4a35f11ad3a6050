/**
 * Bytes that are read by position: a range of a file, or what a stream inflates to. The latter is written
 * once into a file in the system's temporary folder, so that memory stays bounded whatever the size. That
 * file loses its name as soon as it is open: a killed process leaves nothing behind.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { SomaError } from '../../errors.ts';
import { reason } from '../fault.ts';

export interface ByteSource {
  readonly size: number;
  /** Fills `target` from `position`. Throws if the bytes end before. */
  read(target: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** A range of a file: `size` bytes from `start`, by default the whole file. */
export async function fileBytes(path: string, start = 0, size?: number): Promise<ByteSource> {
  const file = await open(path, 'r');
  try {
    return handleBytes(file, start, size ?? (await file.stat()).size - start);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** CRC-32 of a file, read as a stream. */
export async function fileCrc(path: string): Promise<number> {
  let crc = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) crc = crc32(chunk, crc);
  return crc;
}

/**
 * Writes a stream into a nameless temporary file.
 * @returns the bytes, and the CRC-32 of them
 */
export async function spoolBytes(stream: Readable): Promise<{ bytes: ByteSource; crc: number }> {
  const path = join(tmpdir(), `soma-${randomUUID()}`);
  const file = await open(path, 'wx+');
  try {
    let size = 0;
    let crc = 0;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      await writeSpool(file, chunk, size);
      crc = crc32(chunk, crc);
      size += chunk.length;
    }
    return { bytes: handleBytes(file, 0, size), crc };
  } catch (error) {
    await file.close();
    throw error;
  } finally {
    await unlink(path);
  }
}

async function writeSpool(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  let written = 0;
  try {
    while (written < chunk.length) {
      const step = await file.write(chunk, written, chunk.length - written, position + written);
      written += step.bytesWritten;
    }
  } catch (error) {
    throw new SomaError(
      `inflating into ${tmpdir()}: expected room for the data, got ${reason(error)}; ` +
        'free some space or point TMPDIR to another folder',
      undefined,
      { cause: error },
    );
  }
}

function handleBytes(file: FileHandle, start: number, size: number): ByteSource {
  return {
    size,
    async read(target, position) {
      if (position + target.length > size) {
        throw new Error(`bytes end at ${size}, before ${position + target.length}`);
      }
      let done = 0;
      while (done < target.length) {
        const { bytesRead } = await file.read(target, done, target.length - done, start + position + done);
        if (bytesRead === 0) throw new Error(`file ends at byte ${start + position + done}`);
        done += bytesRead;
      }
    },
    close: () => file.close(),
  };
}
