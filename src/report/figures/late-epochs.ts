/** Where the first epochs flatten what comes later, the later half of the curves is drawn again on a scale of its own. */

/** Fewer epochs than these have no later half worth a panel. */
const FEWEST_EPOCHS = 8;
/** A later half that takes up less than this share of an axis is enlarged. */
const FLAT = 0.2;

/**
 * First epoch of the later half, or null where the whole can be read as it is.
 * @param values of one quantity each: all curves of a panel
 */
export function flattenedFrom(
  panels: readonly (readonly { readonly epoch: number; readonly value: number }[])[],
): number | null {
  const last = Math.max(0, ...panels.flat().map(({ epoch }) => epoch));
  if (last < FEWEST_EPOCHS) return null;
  const from = Math.floor(last / 2) + 1;
  const flat = panels.some((points) => {
    const late = points.filter(({ epoch }) => epoch >= from);
    return late.length > 0 && range(late) < FLAT * range(points);
  });
  return flat ? from : null;
}

function range(points: readonly { readonly value: number }[]): number {
  const values = points.map(({ value }) => value);
  return Math.max(...values) - Math.min(...values);
}

/** Title of the panels that are enlarged. */
export function lateTitle(from: number) {
  return {
    text: `from epoch ${from} on, enlarged`,
    fontSize: 11,
    fontWeight: 'normal' as const,
    offset: 8,
  };
}
