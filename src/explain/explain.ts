/** Explaining images by one method or several, beside what the network says of them. */
import type { ImageShape } from '../data/image.ts';
import { imageValues } from '../data/single.ts';
import { argmax } from '../train/evaluate.ts';
import { extent, type HeatMap, NORMALIZATIONS, type Normalization, resizeBilinear } from './heat-map.ts';
import type { ExplainOptions, Explanation } from './method.ts';
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
  readonly onProgress?: (method: MethodName, done: number) => void;
}

/** Images that are explained between two looks at the signal. */
const AT_ONCE = 16;

/** One for each image, in their order; none where it was interrupted. */
export async function explainImages(request: ExplainRequest): Promise<ExplainedImage[]> {
  const { network, images, methods, options, signal, onProgress } = request;
  const shape: ImageShape = network.spec;
  const said = await answersTo(request);
  const maps: MethodMap[][] = images.map(() => []);
  for (const method of methods) {
    const explainer = await METHODS[method].open(network, options);
    const normalize = options.normalize ?? METHODS[method].normalize;
    for (let from = 0; from < images.length; from += AT_ONCE) {
      if (signal?.aborted) return [];
      const some = images.slice(from, from + AT_ONCE);
      const values = imageValues(
        some.map(({ pixels }) => pixels),
        shape,
      );
      const wanted = said.slice(from, from + AT_ONCE).map(({ asked }) => asked);
      for (const [i, explanation] of (await explainer.explain(values, wanted)).entries())
        maps[from + i].push({
          ...{ method, layer: explainer.layer, raw: explanation.map, rawSteps: explanation.steps },
          ...shown(explanation, normalize, shape),
        });
      onProgress?.(method, from + some.length);
    }
  }
  return images.map((image, i) => ({ image, ...said[i], maps: maps[i] }));
}

async function answersTo({ network, images, asked }: ExplainRequest) {
  const { classes } = network.spec;
  const ask = await openAsking(network);
  const values = imageValues(
    images.map(({ pixels }) => pixels),
    network.spec,
  );
  const { probabilities: all } = await ask(values);
  return images.map(({ truth }, i) => {
    const probabilities = all.slice(i * classes, (i + 1) * classes);
    const predicted = argmax(probabilities);
    if (typeof asked === 'number') return { probabilities, predicted, asked };
    return { probabilities, predicted, asked: asked === 'true' ? (truth ?? predicted) : predicted };
  });
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
