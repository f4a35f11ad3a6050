/**
 * One-vs-rest ROC curves of all classes, whole and with the corner that matters enlarged, the AUC of each
 * class in the legend; of several systems side by side. With more classes than colours the eight lowest AUCs are
 * drawn in colour, the rest grey.
 */
import type { Metrics } from '../../measure/metrics.ts';
import type { Predictions } from '../../measure/predictions.ts';
import { type RocCurve, rocCurve } from '../../measure/roc.ts';
import type { FigureSource } from '../figure.ts';
import { decimal } from '../format.ts';
import { shorten, shortNames } from '../text-width.ts';
import { CATEGORY_COLOURS, FAINT_INK, GRID } from '../theme.ts';

const SIDE = 270;
/** Of a panel whose legend lies inside it. */
const WIDE_SIDE = 340;
/** The enlarged corner: false positive rates below, true positive rates above. */
const CORNER = { fpr: 0.2, tpr: 0.8 };
/** Points nearer than this to the one before are left out: a third of a pixel in the enlarged corner. */
const RESOLUTION = 0.0003;
/** Where each class of each system has at least this AUC, the corner says all. */
const CORNER_ALONE = 0.95;

interface ClassCurve {
  /** Class, and its AUC. */
  readonly label: string;
  readonly curve: RocCurve;
  readonly auc: number;
}

/** Null where no class has a curve, that is, where all labels are of one class. */
export function rocFigure(predictions: Predictions, metrics: Metrics, name: string): FigureSource | null {
  const curves = curvesOf(predictions, metrics);
  if (curves.length === 0) return null;
  return {
    slug: 'roc',
    title: `ROC curves of ${name}`,
    description: `One-vs-rest ROC curves. AUC: ${aucs(curves)}.`,
    spec: {
      hconcat: [
        panel(curves, { title: heading('whole range') }),
        panel(curves, { title: heading('upper left corner, enlarged'), corner: true }),
      ],
      resolve: { scale: { color: 'shared' } },
      spacing: 24,
    },
  };
}

/** A panel for each system, two in a row: the corner where the curves lie in it, else the whole range. */
export function rocComparison(
  systems: readonly { name: string; metrics: Metrics; predictions: Predictions }[],
): FigureSource | null {
  const all = systems.flatMap(({ name, metrics, predictions }) => {
    const curves = curvesOf(predictions, metrics);
    return curves.length > 0 ? [{ name, curves }] : [];
  });
  if (all.length === 0) return null;
  const corner = all.every(({ curves }) => curves.every(({ auc }) => auc >= CORNER_ALONE));
  const where = corner ? ', upper left corner' : '';
  return {
    slug: 'roc',
    title: 'ROC curves',
    description: all.map(({ name, curves }) => `${name}, AUC: ${aucs(curves)}.`).join(' '),
    spec: {
      columns: 2,
      spacing: { row: 24, column: 20 },
      concat: all.map(({ name, curves }) =>
        panel(curves, {
          title: { text: `${shorten(name, 30)}${where}`, fontSize: 12 },
          corner,
          inside: true,
        }),
      ),
      resolve: { scale: { color: 'independent' } },
    },
  };
}

function curvesOf(predictions: Predictions, metrics: Metrics): ClassCurve[] {
  return shortNames(predictions.classes).flatMap((label, k) => {
    const curve = rocCurve(predictions, k);
    const auc = metrics.perClass[k].auc;
    return curve && auc ? [{ label: `${label}  ${decimal(auc.value, 4)}`, curve, auc: auc.value }] : [];
  });
}

function aucs(curves: readonly ClassCurve[]): string {
  return curves.map(({ label }) => label.replace('  ', ' ')).join(', ');
}

interface Heading {
  readonly text: string;
  readonly fontSize: number;
  readonly fontWeight?: 'normal';
  readonly offset?: number;
}

const heading = (text: string): Heading => ({ text, fontSize: 11, fontWeight: 'normal', offset: 6 });

interface PanelOptions {
  readonly title: Heading;
  /** Draws the corner alone. */
  readonly corner?: boolean;
  /** The legend lies in the lower right, where no good curve goes. */
  readonly inside?: boolean;
}

function panel(curves: readonly ClassCurve[], { title, corner = false, inside = false }: PanelOptions) {
  const coloured =
    curves.length <= CATEGORY_COLOURS.length
      ? curves
      : [...curves].sort((a, b) => a.auc - b.auc).slice(0, CATEGORY_COLOURS.length);
  const rest = curves.filter((entry) => !coloured.includes(entry));
  const labels = coloured.map(({ label }) => label);
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
      axis: { title: 'true positive rate', tickCount: 5, grid: true },
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
          symbolType: 'stroke',
          ...(inside
            ? { orient: 'bottom-right' as const, fillColor: '#FFFFFF', padding: 6, offset: 8 }
            : { orient: 'right' as const }),
        },
      },
    },
  };
  return {
    title,
    width: inside ? WIDE_SIDE : SIDE,
    height: inside ? WIDE_SIDE : SIDE,
    view: { stroke: GRID },
    layer: [...(corner ? [] : [chance]), ...(rest.length > 0 ? [others] : []), main],
  };
}

function points(curves: readonly ClassCurve[]) {
  return curves.flatMap(({ label, curve }) =>
    thinned(curve).map(([fpr, tpr], order) => ({ label, fpr, tpr, order })),
  );
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
