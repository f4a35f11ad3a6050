/** Plates of explained images: maps and overlays, step by step, or of two runs beside each other. */
import type { ImageShape } from '../data/image.ts';
import type { ExplainedImage, MethodMap } from '../explain/explain.ts';
import { METHODS } from '../explain/methods.ts';
import { probability } from './format.ts';
import { asColour, colouredHeat, overlaid } from './heat-colours.ts';
import type { Picture, Plate, PlateRow } from './plate.ts';

export interface PlateStyle {
  readonly shape: ImageShape;
  readonly classes: readonly string[];
  /** Of `heatColours`. */
  readonly colours: Uint8Array;
  /** Share of the heat in overlays. */
  readonly opacity: number;
}

/** The overlay of a map on its image. */
export function overlay({ image }: ExplainedImage, { heat }: MethodMap, style: PlateStyle): Picture {
  const { height, width, channels } = style.shape;
  const hot = colouredHeat(heat, style.colours);
  const pixels = overlaid(asColour(image.pixels, channels), hot, style.opacity);
  return { pixels, height, width, channels: 3 };
}

/** What the network said, and of which image. */
function captionOf({ image, probabilities, predicted, asked }: ExplainedImage, { classes }: PlateStyle) {
  const truth = image.truth === null ? [] : [`true ${classes[image.truth]}`];
  const said = `said ${classes[predicted]} ${probability(probabilities[predicted])}`;
  const about = asked === predicted ? [] : [`asked ${classes[asked]} ${probability(probabilities[asked])}`];
  return [[...truth, said, ...about].join(' · '), image.name];
}

function isWrong({ image: { truth }, predicted }: ExplainedImage): boolean {
  return truth !== null && truth !== predicted;
}

function original({ image }: ExplainedImage, { shape }: PlateStyle): Picture {
  const { height, width, channels } = shape;
  return { pixels: asColour(image.pixels, channels), height, width, channels: 3 };
}

/** Image, map and overlay; of several methods the overlays alone. */
export function mapsPlate(
  names: Pick<Plate, 'slug' | 'title'>,
  explained: readonly ExplainedImage[],
  style: PlateStyle,
): Plate {
  const { colours } = style;
  const { height, width } = style.shape;
  const [{ maps }] = explained;
  const single = maps.length === 1;
  const titles = maps.map(({ method }) => METHODS[method].title);
  const rows = explained.map((each): PlateRow => {
    const heat = each.maps.map((map) => ({
      pixels: colouredHeat(map.heat, colours),
      height,
      width,
      channels: 3,
    }));
    const overlays = each.maps.map((map) => overlay(each, map, style));
    return {
      pictures: [original(each, style), ...(single ? heat : []), ...overlays],
      caption: captionOf(each, style),
      marked: isWrong(each),
    };
  });
  return {
    ...names,
    description: rows.map(({ caption }) => caption.join(', ')).join('; '),
    headings: ['image', ...titles, ...(single ? ['overlay'] : [])],
    rows,
    key: colours,
  };
}

/** The maps of one method step by step, all of an image on one scale; nothing where there is no time. */
export function stepsPlate(
  names: Pick<Plate, 'slug' | 'title'>,
  explained: readonly ExplainedImage[],
  method: number,
  style: PlateStyle,
): Plate | undefined {
  const steps = explained[0].maps[method].steps.length;
  if (steps === 0) return undefined;
  const { colours } = style;
  const { height, width } = style.shape;
  const picture = (map: MethodMap['heat']): Picture => ({
    pixels: colouredHeat(map, colours),
    height,
    width,
    channels: 3,
  });
  const rows = explained.map((each): PlateRow => {
    const map = each.maps[method];
    return {
      pictures: [original(each, style), ...map.steps.map(picture), picture(map.heat)],
      caption: captionOf(each, style),
      marked: isWrong(each),
    };
  });
  return {
    ...names,
    description: `Maps of ${steps} time steps and of all together: ${rows.map(({ caption }) => caption.join(', ')).join('; ')}`,
    headings: ['image', ...Array.from({ length: steps }, (_, t) => `step ${t + 1}`), 'all steps'],
    rows,
    key: colours,
  };
}

/** Images with what each of two runs looks at there, by each of its methods, and what it said. */
export function disagreementPlate(
  names: Pick<Plate, 'slug' | 'title'>,
  runs: readonly string[],
  explained: readonly (readonly ExplainedImage[])[],
  style: PlateStyle,
): Plate {
  const { classes, colours } = style;
  const rows = explained[0].map((first, i): PlateRow => {
    const both = explained.map((images) => images[i]);
    const said = both.map(
      ({ predicted, probabilities }, r) =>
        `${runs[r]}: ${classes[predicted]} ${probability(probabilities[predicted])}`,
    );
    const truth = first.image.truth === null ? [] : [`true ${classes[first.image.truth]}`];
    return {
      pictures: [
        original(first, style),
        ...both.flatMap((each) => each.maps.map((map) => overlay(each, map, style))),
      ],
      caption: [...truth, ...said, first.image.name],
    };
  });
  return {
    ...names,
    description: rows.map(({ caption }) => caption.join(', ')).join('; '),
    headings: [
      'image',
      ...explained.flatMap(([{ maps }], r) =>
        maps.map(({ method }) => (maps.length === 1 ? runs[r] : `${runs[r]}: ${METHODS[method].title}`)),
      ),
    ],
    rows,
    key: colours,
  };
}
