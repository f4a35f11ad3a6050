import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SomaError } from '../errors.ts';
import { decodeSafetensors, encodeSafetensors, readSafetensors, writeSafetensors } from './safetensors.ts';

const file = {
  tensors: new Map([
    ['a', { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, Number.NaN, 1e-40) }],
    ['b.beta', { shape: [], data: Float32Array.of(0.9) }],
  ]),
  metadata: { system: 'scnn' },
};

describe('safetensors', () => {
  it('comes back to the bit', () => {
    const back = decodeSafetensors(encodeSafetensors(file), 'x');
    expect(back).toEqual({ ...file, otherTypes: new Map() });
  });

  it('is read from a file as from bytes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'soma-safetensors-'));
    const path = join(folder, 'a.safetensors');
    await writeSafetensors(path, file);
    const bytes = await readFile(path);
    expect(Buffer.compare(bytes, encodeSafetensors(file))).toBe(0);
    expect(await readSafetensors(path)).toEqual(decodeSafetensors(bytes, path));
    for (const [length, got] of [
      [5, /got 5 bytes/],
      [40, /header alone says/],
      [bytes.length - 3, /end of the file inside b\.beta/],
    ] as const) {
      await writeFile(path, bytes.subarray(0, length));
      await expect(readSafetensors(path)).rejects.toThrow(got);
    }
    await expect(readSafetensors(folder)).rejects.toThrow(/expected a checkpoint, got EISDIR/);
    await expect(readSafetensors(join(folder, 'b'))).rejects.toThrow(/expected a checkpoint, got ENOENT/);
  });

  it("passes over tensors of other types, such as the counters of PyTorch's BatchNorm", () => {
    const header = {
      'bn1.num_batches_tracked': { dtype: 'I64', shape: [], data_offsets: [0, 8] },
      'bn1.weight': { dtype: 'F32', shape: [2], data_offsets: [8, 16] },
    };
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const data = Buffer.alloc(16);
    data.writeFloatLE(1.5, 8);
    const { tensors, otherTypes } = decodeSafetensors(Buffer.concat([length, json, data]), 'x');
    expect(tensors).toEqual(new Map([['bn1.weight', { shape: [2], data: Float32Array.of(1.5, 0) }]]));
    expect(otherTypes).toEqual(new Map([['bn1.num_batches_tracked', 'I64']]));
  });

  it('has the layout of the format', () => {
    const bytes = Buffer.from(encodeSafetensors(file));
    const length = Number(bytes.readBigUInt64LE());
    expect((8 + length) % 8).toBe(0);
    expect(JSON.parse(bytes.toString('utf8', 8, 8 + length)).a).toEqual({
      dtype: 'F32',
      shape: [2, 3],
      data_offsets: [0, 24],
    });
    expect(bytes.length).toBe(8 + length + 28);
  });

  it('names what is wrong with a broken file', () => {
    const bytes = encodeSafetensors(file);
    expect(() => decodeSafetensors(bytes.subarray(0, 5), 'last.safetensors')).toThrow(
      /last\.safetensors: .*got 5 bytes/,
    );
    expect(() => decodeSafetensors(bytes.subarray(0, bytes.length - 3), 'x')).toThrow(
      /end of the file inside b\.beta/,
    );
    const text = new TextEncoder().encode('this is a text file and not a checkpoint');
    expect(() => decodeSafetensors(text, 'x')).toThrow(/header alone says/);
    const scrambled = Uint8Array.from(bytes);
    scrambled[9] = 0;
    expect(() => decodeSafetensors(scrambled, 'x')).toThrow(/not JSON/);
  });

  it.each([
    ['null', null, /header/],
    ['a list', [], /header/],
    ['an entry that is none', { a: null }, /header with a/],
    ['no type', { a: { shape: [1], data_offsets: [0, 4] } }, /a\.dtype/],
    ['a negative place', { a: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }, /data_offsets/],
    ['a negative shape', { a: { dtype: 'F32', shape: [-2, -1], data_offsets: [0, 8] } }, /shape/],
    ['half a shape', { a: { dtype: 'F32', shape: [1.5, 2], data_offsets: [0, 12] } }, /shape/],
    [
      'tensors that overlap',
      {
        a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
        b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] },
      },
      /b at byte 4 of the data, where 8 is next/,
    ],
    ['bytes left over', { a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, /12 bytes behind/],
    ['metadata that is no text', { __metadata__: 3 }, /__metadata__/],
  ])('refuses a header with %s', (_, header, message) => {
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const bytes = Buffer.concat([length, json, Buffer.alloc(16)]);
    expect(() => decodeSafetensors(bytes, 'x')).toThrow(SomaError);
    expect(() => decodeSafetensors(bytes, 'x')).toThrow(message);
  });
});
