/**
 * What a network is traced into. A `Net` hands out parameters and state, remembers what should be
 * watched, and carries the conventions of the framework that a paper used.
 *
 * Layers are functions of (net, name, x, options): a new one is a new function, no class to extend.
 */
import { mismatch, SomaError } from '../errors.ts';
import { Graph } from '../graph/graph.ts';
import type { Value, Variable } from '../graph/value.ts';
import { size } from '../graph/value.ts';
import { constant, glorotUniform, type Initializer, torchBias, torchUniform } from './init.ts';

/** What differs between Keras and PyTorch. */
export interface Framework {
  readonly name: 'keras' | 'torch';
  readonly kernel: Initializer;
  readonly bias: (fanIn: number) => Initializer;
  readonly batchNorm: { readonly momentum: number; readonly eps: number; readonly unbiased: boolean };
  /** ε of Adam, and whether it is added to √v before that is corrected. */
  readonly adam: { readonly eps: number; readonly rawEps: boolean };
}

export const FRAMEWORKS: Record<Framework['name'], Framework> = {
  keras: {
    name: 'keras',
    kernel: glorotUniform,
    bias: () => constant(0),
    // Keras writes the share of the old value, 0.99.
    batchNorm: { momentum: 0.01, eps: 1e-3, unbiased: false },
    adam: { eps: 1e-7, rawEps: true },
  },
  torch: {
    name: 'torch',
    kernel: torchUniform,
    bias: torchBias,
    batchNorm: { momentum: 0.1, eps: 1e-5, unbiased: true },
    adam: { eps: 1e-8, rawEps: false },
  },
};

export type StateOptions = Pick<Variable, 'perPass' | 'fixed'>;

export interface NetOptions {
  readonly framework: Framework['name'];
  /** Batch statistics, dropout and noise are on. */
  readonly training: boolean;
  /** Seed of the initial weights. */
  readonly seed: number;
  /** ReLU in place of spiking neurons, and no time: the dense twin of a spiking network. */
  readonly twin?: boolean;
}

export class Net {
  readonly graph = new Graph();
  readonly framework: Framework;
  readonly training: boolean;
  readonly twin: boolean;
  /** Spikes of each spiking layer, in order, by layer name. */
  readonly spikes = new Map<string, Value>();
  private readonly seed: number;
  private streams = 0;
  private readonly declared: Value[] = [];
  private readonly fixed = new Set<Value>();
  private freezing = false;
  private readonly kept: Value[] = [];

  constructor(options: NetOptions) {
    this.framework = FRAMEWORKS[options.framework];
    if (!this.framework)
      throw mismatch('Net', `framework ${Object.keys(FRAMEWORKS).join(' or ')}`, options.framework);
    this.training = options.training;
    this.twin = options.twin ?? false;
    this.seed = options.seed;
  }

  /** A parameter, trained unless it is frozen, named after the layer that is being traced. */
  parameter(name: string, shape: readonly number[], init: Initializer): Value {
    return this.declare('parameter', name, shape, init);
  }

  /**
   * A value that the forward pass keeps from step to step, such as a running mean; `perPass`: through one pass only; `fixed`:
   * it is what the options say, whatever weights are read.
   */
  state(name: string, shape: readonly number[], init: Initializer, options: StateOptions = {}): Value {
    return this.declare('state', name, shape, init, options);
  }

  private declare(
    kind: 'parameter' | 'state',
    name: string,
    shape: readonly number[],
    init: Initializer,
    options: StateOptions = {},
  ): Value {
    const full = [this.graph.scope, name].filter(Boolean).join('.');
    if (this.graph.variables.has(full))
      throw new SomaError(`net: expected layers with different names, got ${full} twice; rename one`);
    const value = this.graph.variable({
      kind,
      name: full,
      shape,
      initial: () => init(shape, this.seed, full),
      ...options,
    });
    (kind === 'parameter' ? this.declared : this.kept).push(value);
    if (kind === 'parameter' && this.freezing) this.fixed.add(value);
    return value;
  }

  get parameters(): readonly Value[] {
    return this.declared;
  }

  /** Parameters that are not frozen: those that a gradient is computed for. */
  get trainable(): readonly Value[] {
    return this.declared.filter((value) => !this.fixed.has(value));
  }

  /**
   * Runs `body` with what it makes frozen, if `frozen`: its parameters keep their values, nothing is differentiated
   * for their sake, and BatchNorm uses its running statistics and leaves them alone, as Keras does with
   * `trainable = False`.
   */
  frozen<R>(frozen: boolean, body: () => R): R {
    const outer = this.freezing;
    this.freezing = outer || frozen;
    try {
      return body();
    } finally {
      this.freezing = outer;
    }
  }

  /** Whether statistics of the batch are taken and kept: in training, where nothing is frozen. */
  get usesBatchStatistics(): boolean {
    return this.training && !this.freezing;
  }

  /** What is learnt: parameters, and state that outlives a pass over the data; in the order of the layers. */
  get variables(): readonly Variable[] {
    return [...this.graph.variables.values()].flatMap(({ source }) => {
      if (source.kind !== 'variable') return [];
      const { kind, perPass } = source.variable;
      return kind === 'slot' || perPass ? [] : [source.variable];
    });
  }

  /** Numbers in all parameters. */
  get parameterCount(): number {
    return this.parameters.reduce((sum, value) => sum + size(value.shape), 0);
  }

  /** Numbers kept besides: running means and variances, fixed constants of neurons. */
  get stateCount(): number {
    return this.kept.reduce((sum, value) => sum + size(value.shape), 0);
  }

  /** Seed and step of the run: the input of everything that draws random numbers. */
  get rng(): Value {
    const type = { dtype: 'i32', shape: [2], time: null, format: 'flat' } as const;
    return this.graph.inputs.get('rng') ?? this.graph.input('rng', type);
  }

  /** A number of its own for each op that draws. */
  nextStream(): number {
    return this.streams++;
  }

  /** Runs `body` as the layer `name`. */
  layer<R>(name: string, body: () => R): R {
    return this.graph.scoped(name, body);
  }

  /** Makes a spiking layer's firing rate part of what every step reports. */
  watchSpikes(spikes: Value): void {
    this.spikes.set(this.graph.scope, spikes);
  }
}
