/**
 * Surrogate gradients: what stands in for the derivative of the step function S = H(U − θ) on the way
 * back. x = U − θ. A surrogate is a value: `fastSigmoid(25)`.
 */
import { mismatch } from '../errors.ts';

/** Order matters to engines: the position of a kind is its number. */
export const SURROGATES = ['fastSigmoid', 'arctan', 'rectangle', 'triangle', 'straightThrough'] as const;
export type SurrogateKind = (typeof SURROGATES)[number];

export interface Surrogate {
  readonly kind: SurrogateKind;
  /** Slope k, α, or width a; see the makers below. */
  readonly parameter: number;
  /** Factor on the whole derivative, 1 unless a paper prints another. */
  readonly scale: number;
}

function make(kind: SurrogateKind, parameter: number, scale = 1): Surrogate {
  const made = { kind, parameter, scale };
  checkSurrogate(`${kind}()`, made);
  return made;
}

/** Throws where something is no surrogate, such as the name of one. */
export function checkSurrogate(where: string, given: Surrogate): void {
  const { kind, parameter, scale } = given;
  if (!SURROGATES.includes(kind))
    throw mismatch(where, `a surrogate, such as fastSigmoid(25), of ${SURROGATES.join(', ')}`, kind ?? given);
  if (!(parameter > 0 && Number.isFinite(parameter))) throw mismatch(where, 'a parameter above 0', parameter);
  if (!(scale > 0 && Number.isFinite(scale))) throw mismatch(where, 'a scale above 0', scale);
}

/** 1 / (1 + k·|x|)². Zenke and Ganguli 2018; Paper (a) gives no k; 25 is snnTorch's default. */
export const fastSigmoid = (slope = 25): Surrogate => make('fastSigmoid', slope);

/** (α/2) / (1 + (π·x·α/2)²). Fang et al. 2021; `scale` 1/α·2/π gives the form that snnTorch's text prints. */
export const arctan = (alpha = 2, scale = 1): Surrogate => make('arctan', alpha, scale);

/** (1/a)·[|x| < a/2]. Wu et al. 2018; a = 1 in the code of paper (b)'s backbone. */
export const rectangle = (width = 1): Surrogate => make('rectangle', width);

/** (1/a)·max(0, 1 − |x|/a). Esser et al. 2016, Bellec et al. 2018. */
export const triangle = (width = 1): Surrogate => make('triangle', width);

/** 1 everywhere. Bengio et al. 2013. */
export const straightThrough = (): Surrogate => make('straightThrough', 1);

/** The surrogate of a kind whose name and parameter come from outside; `straightThrough` has none. */
export function surrogate(kind: SurrogateKind, parameter: number): Surrogate {
  return make(kind, kind === 'straightThrough' ? 1 : parameter);
}

/** The derivative at x = U − θ. */
export function surrogateDerivative({ kind, parameter: p, scale }: Surrogate, x: number): number {
  switch (kind) {
    case 'fastSigmoid':
      return scale / (1 + p * Math.abs(x)) ** 2;
    case 'arctan':
      return (scale * (p / 2)) / (1 + (Math.PI * x * (p / 2)) ** 2);
    case 'rectangle':
      return Math.abs(x) < p / 2 ? scale / p : 0;
    case 'triangle':
      return (scale / p) * Math.max(0, 1 - Math.abs(x) / p);
    case 'straightThrough':
      return scale;
  }
}
