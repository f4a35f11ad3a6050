/**
 * Weights that a user brings to start from: a safetensors or ONNX file with tensors named and laid out as Soma does
 * (`block1_conv1.weight`, [O, C, kh, kw]), as PyTorch does, or as Keras does (`block1_conv1/kernel:0`,
 * [kh, kw, C, O]). Other names for a system's layers stand with the system.
 *
 * All of the network must be there, but the last layer, which belongs to the classes: it is taken where it fits and
 * else stays as drawn. Where the file stands for a pre-training, this holds for all that the pre-training leaves alone.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Session } from '../engine/engine.ts';
import { mismatch, SomaError } from '../errors.ts';
import { size, type Variable } from '../graph/value.ts';
import type { LayerAliases } from '../models/system.ts';
import { decodeOnnxWeights } from './onnx-weights.ts';
import { decodeSafetensors, type NamedTensor, type TensorFile } from './safetensors.ts';

export interface WeightsFile extends Pick<TensorFile, 'tensors' | 'otherTypes'> {
  readonly path: string;
  /** SHA-256 of the file. */
  readonly fingerprint: string;
}

const ZIP = Buffer.from('PK\x03\x04', 'latin1');
const HDF5 = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');

export async function openWeights(path: string): Promise<WeightsFile> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new SomaError(`${path}: expected a safetensors or ONNX file of weights, got ${error.message}`);
  });
  if (bytes.subarray(0, 4).equals(ZIP))
    throw new SomaError(
      `${path}: expected a safetensors or ONNX file of weights, got an archive, as torch.save makes; write it with safetensors.torch.save_file`,
    );
  if (bytes.subarray(0, 8).equals(HDF5))
    throw new SomaError(
      `${path}: expected a safetensors or ONNX file of weights, got HDF5, as Keras makes; write it with safetensors.numpy.save_file({w.path: w.numpy() for w in model.weights}, …)`,
    );
  const fingerprint = createHash('sha256').update(bytes).digest('hex');
  const isOnnx = path.toLowerCase().endsWith('.onnx');
  const { tensors, otherTypes } = isOnnx
    ? { tensors: decodeOnnxWeights(bytes, path) }
    : decodeSafetensors(bytes, path);
  return { path, fingerprint, tensors, otherTypes };
}

/** What weights are for. */
export interface WeightsTarget {
  /** Parameters and state of the network, in the order of its layers; the last one is of the last layer. */
  readonly variables: readonly Variable[];
  readonly aliases?: LayerAliases;
  /** Names that must be there. Default: all but the last layer. */
  readonly required?: ReadonlySet<string>;
}

export interface LoadedWeights {
  /** Variables whose numbers come from the file. */
  readonly loaded: readonly string[];
  /** Those that stay as drawn. */
  readonly drawn: readonly string[];
  /** Tensors of the file that the network has no place for. */
  readonly unread: readonly string[];
}

/** Wrong tensors that an error names before it says how many more there are. */
const NAMED = 3;

/** Numbers for the variables of a network, by name. Throws where one is missing or does not fit. */
export function matchWeights(file: WeightsFile, target: WeightsTarget): ReadonlyMap<string, Float32Array> {
  return match(file, target).matched;
}

/** The same, with the names of the tensors that no variable is read from. */
function match(file: WeightsFile, { variables: all, aliases = {}, required }: WeightsTarget) {
  const variables = all.filter(({ fixed }) => !fixed);
  const lastLayer = layerOf(variables.at(-1)?.name ?? '');
  const found = variables.map((variable) => ({ variable, ...find(file, variable, aliases) }));
  const isRequired = ({ name }: Variable) => required?.has(name) ?? layerOf(name) !== lastLayer;
  const wrong = found.filter(({ data, variable }) => !data && isRequired(variable));
  if (wrong.length > 0) {
    const expected = wrong.slice(0, NAMED).map(({ variable }) => describe(variable));
    const got = wrong.slice(0, NAMED).map(({ got }) => got);
    const more =
      wrong.length > NAMED ? ` and ${wrong.length - NAMED} more that are missing or do not fit` : '';
    throw mismatch(
      file.path,
      expected.join(', '),
      [...new Set(got)].join(', ') + more,
      `name tensors as Soma, PyTorch or Keras does (the file has ${someOf([...file.tensors.keys()])}), ` +
        'and give the size, channels and options that they were made for',
    );
  }
  for (const { data, variable } of found) {
    const bad = data?.findIndex((x) => !Number.isFinite(x)) ?? -1;
    if (bad >= 0) throw mismatch(file.path, 'finite weights', `${data?.[bad]} in ${variable.name}[${bad}]`);
  }
  const read = new Set(found.flatMap(({ data, got }) => (data ? [got] : [])));
  return {
    matched: new Map(found.flatMap(({ data, variable }) => (data ? [[variable.name, data] as const] : []))),
    unread: [...file.tensors.keys()].filter((name) => !read.has(name)),
  };
}

/** Writes the file's weights into a session that has loaded the network. */
export function loadWeights(file: WeightsFile, target: WeightsTarget, session: Session): LoadedWeights {
  const { matched, unread } = match(file, target);
  for (const [name, data] of matched) session.writeVariable(name, data);
  return { loaded: [...matched.keys()], drawn: notIn(matched, target.variables), unread };
}

/** What of a network a file does not have; constants are the options' to say. */
export function notIn(matched: ReadonlyMap<string, unknown>, network: readonly Variable[]): string[] {
  return network.filter(({ name, fixed }) => !fixed && !matched.has(name)).map(({ name }) => name);
}

/** The first few names and how many more there are. */
export function someOf(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(', ') || 'none'}${more > 0 ? ` and ${more} more` : ''}`;
}

const layerOf = (name: string) => name.slice(0, Math.max(0, name.lastIndexOf('.')));
const describe = ({ name, shape }: { name: string; shape: readonly number[] }) =>
  `${name} [${shape.join('×')}]`;

interface Candidate {
  readonly name: string;
  /** Shape in the file, and how its axes are ordered to be ours. */
  readonly shape: readonly number[];
  readonly axes: readonly number[];
}

function find(
  { tensors, otherTypes }: WeightsFile,
  variable: Variable,
  aliases: LayerAliases,
): { data?: Float32Array; got: string } {
  let got = 'no such tensor';
  for (const { name, shape, axes } of candidates(variable, aliases)) {
    for (const stored of [name, `${name}:0`]) {
      const tensor = tensors.get(stored);
      const type = otherTypes?.get(stored);
      if (type) got = `${stored} of type ${type} instead of F32`;
      if (!tensor) continue;
      if (tensor.shape.join() === shape.join()) return { data: transpose(tensor, axes), got: stored };
      got = describe({ name: stored, shape: tensor.shape });
    }
  }
  return { got };
}

/** Where a variable may be found in a file, the likeliest first. */
function candidates({ name, shape }: Variable, aliases: LayerAliases): Candidate[] {
  const own = layerOf(name);
  const part = name.slice(own.length + 1);
  const layers = [own, ...(aliases[own] ?? [])];
  const straight = shape.map((_, axis) => axis);
  return [
    ...layers.map((layer) => ({ name: `${layer}.${part}`, shape, axes: straight })),
    ...layers.flatMap((layer) => kerasCandidates(layer, part, shape)),
  ];
}

const KERAS_PARTS: Readonly<Record<string, readonly string[]>> = {
  weight: ['gamma'],
  bias: ['bias', 'beta'],
  running_mean: ['moving_mean'],
  running_var: ['moving_variance'],
};

/** As Keras names the parts of a layer: kernels have their outputs last, those of separable convolutions their inputs. */
function kerasCandidates(layer: string, part: string, shape: readonly number[]): Candidate[] {
  if (shape.length < 2) {
    const parts = KERAS_PARTS[part] ?? [];
    return parts.map((of) => ({ name: `${layer}/${of}`, shape, axes: [0] }));
  }
  const [separable, of] = [layerOf(layer), layer.slice(layerOf(layer).length + 1)];
  const depthwise = of === 'depthwise';
  // To ours, [O, C, kh, kw], from [kh, kw, C, O]; a depthwise kernel is [kh, kw, C, 1], ours [C, 1, kh, kw].
  const axes = shape.length === 2 ? [1, 0] : depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1];
  const stored = axes.map((_, axis) => shape[axes.indexOf(axis)]);
  const name = depthwise || of === 'pointwise' ? `${separable}/${of}_kernel` : `${layer}/kernel`;
  return [{ name, shape: stored, axes }];
}

/** Elements with axis i of the result being axis axes[i] of the tensor. */
function transpose({ shape, data }: NamedTensor, axes: readonly number[]): Float32Array {
  if (axes.every((from, to) => from === to)) return data;
  const strides = shape.map((_, axis) => size(shape.slice(axis + 1)));
  const target = axes.map((axis) => shape[axis]);
  return Float32Array.from({ length: data.length }, (_, index) => {
    let rest = index;
    let at = 0;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      at += (rest % target[axis]) * strides[axes[axis]];
      rest = Math.floor(rest / target[axis]);
    }
    return data[at];
  });
}
