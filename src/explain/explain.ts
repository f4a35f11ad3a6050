/** Explaining images by one method or several, beside what the network says of them. */
import type { ImageShape } from '../data/image.ts';
import { imageValues } from '../data/single.ts';
import { argmax } from '../train/evaluate.ts';
import { extent, type HeatMap, NORMALIZATIONS, type Normalization, resizeBilinear } from './heat-map.ts';
import type { Explainer, ExplainOptions, Explanation } from './method.ts';
import { METHODS, type MethodName } from './methods.ts';
import type { Network } from './network.ts';
import { openAsking } from './score.ts';

/** An image that is to be explained. */
export interface ShownImage {
  /** File, or name in its data set. */
  readonly name: string;
  /** Class index; null where it is not known. */
  readonly truth: number | null;
  /** height × width × channels bytes. */
  readonly pixels: Uint8Array;
}

/** What a method made of an image. */
export interface MethodMap {
  readonly method: MethodName;
  readonly layer: string;
  /** As it was computed, in the size of the layer. */
  readonly raw: HeatMap;
  /** Its terms, a time step each; empty where there is no time. */
  readonly rawSteps: readonly HeatMap[];
  /** Normalised, and then enlarged to the image. */
  readonly heat: HeatMap;
  /** The steps, all divided by their common maximum, and enlarged. */
  readonly steps: readonly HeatMap[];
}

export interface ExplainedImage {
  readonly image: ShownImage;
  /** Of each class. */
  readonly probabilities: Float32Array;
  readonly predicted: number;
  /** Class that the maps speak of. */
  readonly asked: number;
  readonly maps: readonly MethodMap[];
}

/** Which class is asked about: of each image the predicted or the true one (where it is known), or one for all. */
export type Asked = 'predicted' | 'true' | number;

export interface ExplainRequest {
  readonly network: Network;
  readonly images: readonly ShownImage[];
  readonly methods: readonly MethodName[];
  readonly asked: Asked;
  readonly options: ExplainOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number) => void;
}

/** Images that are explained together, and between two looks at the signal. */
export const AT_ONCE = 16;

/** Explains up to `AT_ONCE` images by some methods: one for each image, in their order. */
export type ExplainSome = (
  images: readonly ShownImage[],
  methods: readonly MethodName[],
) => Promise<ExplainedImage[]>;

/** One for each image, in their order; none where it was interrupted. */
export async function explainImages(request: ExplainRequest): Promise<ExplainedImage[]> {
  const { images, methods, signal, onProgress } = request;
  const explain = await openExplaining(request);
  const explained: ExplainedImage[] = [];
  for (let from = 0; from < images.length; from += AT_ONCE) {
    if (signal?.aborted) return [];
    explained.push(...(await explain(images.slice(from, from + AT_ONCE), methods)));
    onProgress?.(explained.length);
  }
  return explained;
}

/** A method is opened when it is first asked for, and stays open. */
export async function openExplaining({
  network,
  asked,
  options,
}: Pick<ExplainRequest, 'network' | 'asked' | 'options'>): Promise<ExplainSome> {
  const { spec } = network;
  const ask = await openAsking(network);
  const opened = new Map<MethodName, Explainer>();
  const open = async (method: MethodName) => {
    const explainer = opened.get(method) ?? (await METHODS[method].open(network, options));
    opened.set(method, explainer);
    return explainer;
  };
  return async (images, methods) => {
    const pixels = images.map((image) => image.pixels);
    const values = imageValues(pixels, spec);
    const { probabilities: all } = await ask(values);
    const explained = images.map((image, i) => {
      const probabilities = all.slice(i * spec.classes, (i + 1) * spec.classes);
      const maps: MethodMap[] = [];
      return { image, probabilities, ...classesOf(asked, image, probabilities), maps };
    });
    const wanted = explained.map((each) => each.asked);
    for (const method of methods) {
      const explainer = await open(method);
      const normalize = options.normalize ?? METHODS[method].normalize;
      for (const [i, explanation] of (await explainer.explain(values, wanted)).entries())
        explained[i].maps.push({
          ...{ method, layer: explainer.layer, raw: explanation.map, rawSteps: explanation.steps },
          ...shown(explanation, normalize, spec),
        });
    }
    return explained;
  };
}

/** The class that is predicted, and the one that is asked about. */
function classesOf(asked: Asked, { truth }: ShownImage, probabilities: Float32Array) {
  const predicted = argmax(probabilities);
  if (typeof asked === 'number') return { predicted, asked };
  return { predicted, asked: asked === 'true' ? (truth ?? predicted) : predicted };
}

function shown({ map, steps }: Explanation, normalize: Normalization, { height, width }: ImageShape) {
  const sized = (each: HeatMap) => resizeBilinear(each, height, width);
  const most = Math.max(...steps.map((step) => extent(step).high), 0);
  const onOneScale = ({ values, ...size }: HeatMap) => ({
    ...size,
    values: values.map((x) => (most > 0 ? Math.max(x, 0) / most : 0)),
  });
  return {
    heat: sized(NORMALIZATIONS[normalize](map)),
    steps: steps.map((step) => sized(onOneScale(step))),
  };
}
