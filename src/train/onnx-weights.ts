/**
 * The float tensors of an ONNX file's initializers, by name: all that is wanted where a network's weights are read.
 * An ONNX file is a protocol buffer; of its messages only those on the way to the numbers are looked into
 * (onnx.proto: ModelProto.graph = 7, GraphProto.initializer = 5, TensorProto).
 */
import { SomaError } from '../errors.ts';
import { size } from '../graph/value.ts';
import type { NamedTensor } from './safetensors.ts';

const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR = { dims: 1, dataType: 2, floatData: 4, name: 8, rawData: 9, location: 14 } as const;
const FLOAT = 1;
const EXTERNAL = 1;

/** A field of a message: a whole number, or the bytes of what is in it. */
interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Buffer;
}

/** @param where file name for errors. Throws a SomaError naming it where the bytes are no such file. */
export function decodeOnnxWeights(bytes: Uint8Array, where: string): ReadonlyMap<string, NamedTensor> {
  const broken = (got: string) =>
    new SomaError(`${where}: expected a whole ONNX file with its weights inside, got ${got}`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tensors = new Map<string, NamedTensor>();
  for (const graph of fields(buffer, broken)) {
    if (graph.number !== MODEL_GRAPH) continue;
    for (const { number, bytes: tensor } of fields(graph.bytes, broken)) {
      if (number !== GRAPH_INITIALIZER) continue;
      const read = readTensor(tensor, broken);
      if (read) tensors.set(...read);
    }
  }
  if (tensors.size === 0) throw broken('no initializer of floats');
  return tensors;
}

/** Name and numbers of a tensor of floats; undefined for other types, such as shapes. */
function readTensor(message: Buffer, broken: (got: string) => SomaError): [string, NamedTensor] | undefined {
  const shape: number[] = [];
  const floats: Buffer[] = [];
  let name = '';
  let type = 0;
  for (const { number, value, bytes } of fields(message, broken)) {
    if (number === TENSOR.dims) shape.push(...(bytes.length > 0 ? wholeNumbers(bytes, broken) : [value]));
    if (number === TENSOR.dataType) type = value;
    if (number === TENSOR.floatData || number === TENSOR.rawData) floats.push(bytes);
    if (number === TENSOR.name) name = bytes.toString('utf8');
    if (number === TENSOR.location && value === EXTERNAL)
      throw broken(`${name || 'a tensor'} in a file of its own; save the model as one file`);
  }
  if (type !== FLOAT) return undefined;
  const raw = Buffer.concat(floats);
  if (raw.length !== 4 * size(shape)) throw broken(`${raw.length} bytes for ${name} [${shape.join('×')}]`);
  return [
    name,
    { shape, data: Float32Array.from({ length: size(shape) }, (_, i) => raw.readFloatLE(4 * i)) },
  ];
}

/** Reads a message from its start. */
class Reader {
  private at = 0;
  private readonly message: Buffer;
  private readonly broken: (got: string) => SomaError;

  constructor(message: Buffer, broken: (got: string) => SomaError) {
    this.message = message;
    this.broken = broken;
  }

  get done(): boolean {
    return this.at >= this.message.length;
  }

  /** A whole number in 7 bits a byte, the lowest first. */
  whole(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const byte = this.message[this.at++];
      if (byte === undefined) break;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw this.broken('the end of a message inside a number');
  }

  bytes(length: number): Buffer {
    const end = this.at + length;
    if (end > this.message.length)
      throw this.broken(`${this.message.length} bytes where ${end} are announced`);
    const taken = this.message.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}

function* fields(message: Buffer, broken: (got: string) => SomaError): Generator<Field> {
  const reader = new Reader(message, broken);
  while (!reader.done) {
    const key = reader.whole();
    const [number, wire] = [Math.floor(key / 8), key % 8];
    if (wire === 0) yield { number, value: reader.whole(), bytes: NOTHING };
    else if (wire === 1) yield { number, value: 0, bytes: reader.bytes(8) };
    else if (wire === 2) yield { number, value: 0, bytes: reader.bytes(reader.whole()) };
    else if (wire === 5) yield { number, value: 0, bytes: reader.bytes(4) };
    else throw broken(`a field of the unknown kind ${wire}`);
  }
}

const NOTHING = Buffer.alloc(0);

function* wholeNumbers(packed: Buffer, broken: (got: string) => SomaError): Generator<number> {
  const reader = new Reader(packed, broken);
  while (!reader.done) yield reader.whole();
}
