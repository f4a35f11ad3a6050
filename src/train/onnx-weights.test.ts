/** ONNX initializers in files that are put together here byte by byte, as onnx.proto says; and broken ones. */
import { describe, expect, it } from 'vitest';
import { decodeOnnxWeights } from './onnx-weights.ts';

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}
const whole = (field: number, value: number) => Buffer.from([...varint(8 * field), ...varint(value)]);
const part = (field: number, ...bytes: Uint8Array[]) => {
  const content = Buffer.concat(bytes);
  return Buffer.concat([Buffer.from([...varint(8 * field + 2), ...varint(content.length)]), content]);
};
const floats = (...numbers: number[]) => Buffer.from(Float32Array.from(numbers).buffer);
const named = (name: string) => part(8, Buffer.from(name));

const raw = part(
  5,
  whole(1, 2),
  whole(1, 3),
  whole(2, 1),
  part(9, floats(1, 2, 3, 4, 5, 6)),
  named('conv.weight'),
);
const listed = part(
  5,
  part(1, Buffer.from([...varint(2), 1])),
  whole(2, 1),
  named('bias'),
  part(4, floats(-1, 0.5)),
);
const integers = part(5, whole(1, 1), whole(2, 7), named('shape'), part(9, Buffer.alloc(8)));
/** A model: its version, its producer, then the graph with a node, a name and the tensors. */
const model = (...tensors: Uint8Array[]) =>
  Buffer.concat([whole(1, 8), part(2, Buffer.from('test')), part(7, part(1, named('n')), ...tensors)]);

describe('decodeOnnxWeights', () => {
  it('reads floats, raw and listed, and leaves other tensors', () => {
    const tensors = decodeOnnxWeights(model(raw, integers, listed), 'a.onnx');
    expect([...tensors.keys()]).toEqual(['conv.weight', 'bias']);
    expect(tensors.get('conv.weight')).toEqual({ shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    expect(tensors.get('bias')).toEqual({ shape: [2, 1], data: Float32Array.of(-1, 0.5) });
  });

  it.each([
    ['nothing', Buffer.alloc(0), /no initializer of floats/],
    ['text', Buffer.from('not a model'), /a.onnx: expected a whole ONNX file .* got/],
    ['half a file', model(raw).subarray(0, 40), /bytes where \d+ are announced/],
    [
      'a tensor too short',
      model(part(5, whole(1, 3), whole(2, 1), named('w'), part(9, floats(1)))),
      /4 bytes for w \[3\]/,
    ],
    [
      'weights outside',
      model(part(5, whole(1, 3), whole(2, 1), named('w'), whole(14, 1))),
      /w in a file of its own; save the model as one file/,
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeOnnxWeights(bytes, 'a.onnx')).toThrow(message);
  });
});
