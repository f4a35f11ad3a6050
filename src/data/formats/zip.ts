/**
 * Members of a zip archive as bytes read by position. A stored member is a range of the archive itself; a
 * deflated one is inflated once into a temporary file and held against the CRC-32 of the directory.
 */
import { open } from 'node:fs/promises';
import { PassThrough, pipeline } from 'node:stream';
import yauzl from 'yauzl';
import { DataError, reason } from '../fault.ts';
import { type ByteSource, fileBytes, spoolBytes } from './bytes.ts';

const STORED = 0;

export interface ZipMember {
  readonly name: string;
  /** CRC-32 of the content, from the archive's directory. */
  readonly crc32: number;
  /** @throws DataError `truncated` when the content is damaged */
  open(): Promise<ByteSource>;
}

export interface Zip {
  readonly members: ReadonlyMap<string, ZipMember>;
  close(): void;
}

/**
 * Reads the directory of a zip archive.
 * @throws DataError `unknown-format` for a file that is no zip, `truncated` for one that is cut off
 */
export async function openZip(path: string): Promise<Zip> {
  await requireSignature(path);
  let zip: yauzl.ZipFile | undefined;
  try {
    zip = await yauzl.openPromise(path, { autoClose: false, lazyEntries: true });
    const members = new Map<string, ZipMember>();
    for await (const entry of zip.eachEntry()) members.set(entry.fileName, member(path, zip, entry));
    return { members, close: () => zip?.close() };
  } catch (error) {
    zip?.close();
    throw damaged(path, error);
  }
}

async function requireSignature(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    const head = Buffer.alloc(2);
    const { bytesRead } = await file.read(head, 0, 2, 0);
    if (head.toString('latin1') === 'PK') return;
    throw new DataError('unknown-format', path, {
      expected: 'a zip archive (an .npz file is one)',
      got: bytesRead === 0 ? 'an empty file' : 'a file that does not begin with "PK"',
      advice: 'write the file with numpy.savez, or fetch it again: a web page may have been saved instead',
    });
  } finally {
    await file.close();
  }
}

function member(path: string, zip: yauzl.ZipFile, entry: yauzl.Entry): ZipMember {
  return {
    name: entry.fileName,
    crc32: entry.crc32,
    async open() {
      try {
        if (entry.compressionMethod === STORED) {
          const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
          if (fileDataStart + entry.uncompressedSize > zip.fileSize)
            throw new Error('the archive ends before');
          return await fileBytes(path, fileDataStart, entry.uncompressedSize);
        }
        // A small member may turn out damaged before anybody reads it: the pipeline listens from the start.
        const content = pipeline(await zip.openReadStreamPromise(entry), new PassThrough(), () => {});
        content.on('error', () => {});
        const { bytes, crc } = await spoolBytes(content);
        if (crc === entry.crc32) return bytes;
        await bytes.close();
        throw new Error('its checksum (CRC-32) differs from the directory’s');
      } catch (error) {
        throw damaged(`${path} ${entry.fileName}`, error);
      }
    },
  };
}

function damaged(where: string, error: unknown): DataError {
  return new DataError('truncated', where, {
    expected: 'a complete zip archive',
    got: `a damaged or cut-off one (${reason(error)})`,
    advice: 'fetch or copy the file again and compare its size and checksum with the source',
    cause: error,
  });
}
