/**
 * One-vs-rest ROC curves of all classes, whole and with the corner that matters enlarged, the AUC of each
 * class in the legend. With more classes than colours the eight lowest AUCs are drawn in colour, the rest grey.
 */
import type { Metrics } from '../../measure/metrics.ts';
import type { Predictions } from '../../measure/predictions.ts';
import { type RocCurve, rocCurve } from '../../measure/roc.ts';
import type { FigureSource } from '../figure.ts';
import { decimal } from '../format.ts';
import { shortNames } from '../text-width.ts';
import { CATEGORY_COLOURS, FAINT_INK, GRID } from '../theme.ts';

const SIDE = 270;
/** The enlarged corner: false positive rates below, true positive rates above. */
const CORNER = { fpr: 0.2, tpr: 0.8 };
/** Points nearer than this to the one before are left out: a third of a pixel in the enlarged corner. */
const RESOLUTION = 0.0003;

/** Null where no class has a curve, that is, where all labels are of one class. */
export function rocFigure(predictions: Predictions, metrics: Metrics, name: string): FigureSource | null {
  const names = shortNames(predictions.classes);
  const curves = names.flatMap((label, k) => {
    const curve = rocCurve(predictions, k);
    const auc = metrics.perClass[k].auc;
    return curve && auc ? [{ label: `${label}  ${decimal(auc.value, 3)}`, curve, auc: auc.value }] : [];
  });
  if (curves.length === 0) return null;
  const coloured =
    curves.length <= CATEGORY_COLOURS.length
      ? curves
      : [...curves].sort((a, b) => a.auc - b.auc).slice(0, CATEGORY_COLOURS.length);
  const rest = curves.filter((entry) => !coloured.includes(entry));
  const labels = coloured.map(({ label }) => label);
  const points = (entries: typeof curves) =>
    entries.flatMap(({ label, curve }) =>
      thinned(curve).map(([fpr, tpr], order) => ({ label, fpr, tpr, order })),
    );

  const panel = (title: string, corner: boolean) => {
    const line = { type: 'line' as const, clip: true, interpolate: 'linear' as const };
    const encoding = {
      x: {
        field: 'fpr',
        type: 'quantitative' as const,
        scale: { domain: [0, corner ? CORNER.fpr : 1], nice: false },
        axis: { title: 'false positive rate', tickCount: 5, grid: true },
      },
      y: {
        field: 'tpr',
        type: 'quantitative' as const,
        scale: { domain: [corner ? CORNER.tpr : 0, 1], nice: false, zero: false },
        axis: { title: corner ? null : 'true positive rate', tickCount: 5, grid: true },
      },
      order: { field: 'order', type: 'quantitative' as const },
    };
    const chance = {
      data: {
        values: [
          { fpr: 0, tpr: 0, order: 0 },
          { fpr: 1, tpr: 1, order: 1 },
        ],
      },
      mark: { ...line, strokeDash: [3, 3], strokeWidth: 1, color: FAINT_INK },
      encoding,
    };
    const others = {
      data: { values: points(rest) },
      mark: { ...line, strokeWidth: 0.75, color: '#BDBDBD' },
      encoding: { ...encoding, detail: { field: 'label' } },
    };
    const main = {
      data: { values: points(coloured) },
      mark: { ...line, strokeWidth: 1.5 },
      encoding: {
        ...encoding,
        color: {
          field: 'label',
          type: 'nominal' as const,
          scale: { domain: labels, range: CATEGORY_COLOURS.slice(0, labels.length) },
          legend: {
            title: rest.length > 0 ? `AUC, the lowest ${labels.length}` : 'AUC',
            orient: 'right' as const,
            symbolType: 'stroke',
          },
        },
      },
    };
    return {
      title: { text: title, fontSize: 11, fontWeight: 'normal' as const, offset: 6 },
      width: SIDE,
      height: SIDE,
      view: { stroke: GRID },
      layer: [...(corner ? [] : [chance]), ...(rest.length > 0 ? [others] : []), main],
    };
  };
  return {
    slug: 'roc',
    title: `ROC curves of ${name}`,
    description: `One-vs-rest ROC curves. AUC: ${curves.map(({ label }) => label.replace('  ', ' ')).join(', ')}.`,
    spec: {
      hconcat: [panel('whole range', false), panel('upper left corner, enlarged', true)],
      resolve: { scale: { color: 'shared' } },
      spacing: 24,
    },
  };
}

/** The points of a curve that can be told apart in the figure, first and last included. */
function thinned({ fpr, tpr }: RocCurve): [number, number][] {
  const points: [number, number][] = [[0, 0]];
  for (let i = 1; i < fpr.length; i++) {
    const [x, y] = points[points.length - 1];
    const last = i === fpr.length - 1;
    if (last || Math.abs(fpr[i] - x) > RESOLUTION || Math.abs(tpr[i] - y) > RESOLUTION)
      points.push([fpr[i], tpr[i]]);
  }
  return points;
}
