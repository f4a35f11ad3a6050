/**
 * A Parzen estimator over the points of a space: a mixture with one component for each observed point and one for the
 * prior, each the product of a kernel for every parameter (multivariate: what goes well together stays together).
 *
 * Numbers have Gaussian kernels cut off at the ends of the axis, integrated over the cell of a value where values are
 * finitely many; categories the kernel of Aitchison & Aitken. A parameter that an observed point lacks, because its
 * condition failed, has the prior in that component. Bandwidths, prior and minimum bandwidth are among the components
 * that Watanabe (2023, arXiv:2304.11127) compares.
 */
import type { Random } from '../random.ts';
import { type Axis, type ChoiceAxis, type NumberAxis, placeOf } from './axis.ts';
import { TruncatedNormal } from './normal.ts';
import { choose, type Point, type Space, type Value } from './space.ts';

/** The prior of a number: as wide as the axis, around its middle. */
const PRIOR = new TruncatedNormal(0.5, 1);
/** Probability that a component of a category keeps its value. */
const STAYS = 0.6;
/** No bandwidth of a number is smaller than this share of the axis. */
const LEAST_BANDWIDTH = 0.02;

/** Where a value stands: the cell of a number, twice the index of a category. */
type Place = readonly [low: number, high: number];

/** One parameter in one component. */
interface Kernel {
  /** Logarithm of the density of a number on a continuum, of the probability of any other value. */
  log(place: Place): number;
  draw(random: Random): Value;
}

export class Parzen {
  private readonly space: Space;
  private readonly axes: Readonly<Record<string, Axis>>;
  private readonly components: readonly Readonly<Record<string, Kernel>>[];

  constructor(space: Space, axes: Readonly<Record<string, Axis>>, points: readonly Point[]) {
    this.space = space;
    this.axes = axes;
    const names = Object.keys(space.parameters);
    const kernels = (name: string): Kernel[] => {
      const axis = axes[name];
      const prior = axis.kind === 'choice' ? choiceKernel(axis) : numberKernel(axis, PRIOR);
      const having = points.filter((point) => name in point);
      if (axis.kind === 'choice')
        return [...points.map((point) => (name in point ? choiceKernel(axis, point[name]) : prior)), prior];
      const width = bandwidths(having.map((point) => placeOf(axis, point[name])));
      let next = 0;
      return [
        ...points.map((point) => {
          if (!(name in point)) return prior;
          return numberKernel(axis, new TruncatedNormal(placeOf(axis, point[name]), width[next++]));
        }),
        prior,
      ];
    };
    const byName = names.map((name) => [name, kernels(name)] as const);
    this.components = Array.from({ length: points.length + 1 }, (_, i) =>
      Object.fromEntries(byName.map(([name, list]) => [name, list[i]])),
    );
  }

  /** A point, parameter by parameter from one component. */
  draw(random: Random): Point {
    const component = this.components[random.int(this.components.length)];
    return choose(this.space, (name) => component[name].draw(random));
  }

  /** Logarithm of the density. */
  log(point: Point): number {
    const places = Object.entries(point).map(([name, value]) => [name, this.placeOf(name, value)] as const);
    const logs = this.components.map((component) => {
      let sum = 0;
      for (const [name, place] of places) sum += component[name].log(place);
      return sum;
    });
    const largest = Math.max(...logs);
    const sum = logs.reduce((total, log) => total + Math.exp(log - largest), 0);
    return largest + Math.log(sum / logs.length);
  }

  private placeOf(name: string, value: Value): Place {
    const axis = this.axes[name];
    if (axis.kind === 'number') return axis.cell(value);
    const index = axis.index(value);
    return [index, index];
  }
}

/**
 * Of each place: the distance to the farther of its neighbours, the ends of the axis among them (Bergstra et al. 2011),
 * but no less than a share of the axis that shrinks with the number of places.
 */
function bandwidths(places: readonly number[]): number[] {
  const order = [...places.keys()].sort((a, b) => places[a] - places[b]);
  const least = Math.max(LEAST_BANDWIDTH, 1 / (places.length + 2));
  const widths = new Array<number>(places.length);
  order.forEach((i, rank) => {
    const before = rank === 0 ? 0 : places[order[rank - 1]];
    const after = rank === order.length - 1 ? 1 : places[order[rank + 1]];
    widths[i] = Math.min(1, Math.max(least, places[i] - before, after - places[i]));
  });
  return widths;
}

function numberKernel(axis: NumberAxis, normal: TruncatedNormal): Kernel {
  return {
    log: ([low, high]) => {
      // Far from a narrow kernel there is nothing left to take a logarithm of.
      return Math.log(Math.max(low === high ? normal.density(low) : normal.mass(low, high), 1e-300));
    },
    draw: (random) => axis.at(normal.draw(random)),
  };
}

/** @param value left out: all are as likely */
function choiceKernel({ choices, index }: ChoiceAxis, value?: Value): Kernel {
  const n = choices.length;
  const kept = value === undefined ? -1 : index(value);
  const probability = (i: number) => (kept < 0 ? 1 / n : i === kept ? STAYS : (1 - STAYS) / (n - 1));
  const logs = choices.map((_, i) => Math.log(probability(i)));
  return {
    log: ([i]) => logs[i],
    draw: (random) => {
      if (kept >= 0 && random.uniform() < STAYS) return choices[kept];
      const i = random.int(kept < 0 ? n : n - 1);
      return choices[kept >= 0 && i >= kept ? i + 1 : i];
    },
  };
}
