/**
 * A graph is traced once: each call of an op appends a node. Nodes stand in an order in which they can be
 * executed, because a value must exist before it is used.
 */
import { mismatch, SomaError } from '../errors.ts';
import type { OpDef } from './op.ts';
import type { Node, Source, TensorType, Value, Variable } from './value.ts';
import { describe, size } from './value.ts';

export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Value>();
  readonly outputs = new Map<string, Value>();
  readonly variables = new Map<string, Value>();
  private readonly scopes: string[] = [];
  private nextId = 0;

  /** Declares an input that is fed before each step. */
  input(name: string, type: TensorType): Value {
    if (this.inputs.has(name)) throw new SomaError(`input(): expected a new name, got ${name} twice`);
    const value = this.value(type, { kind: 'input', name });
    this.inputs.set(name, value);
    return value;
  }

  /** The value of a variable; asking twice for one variable gives the same value. */
  variable(variable: Variable): Value {
    const known = this.variables.get(variable.name);
    if (known) {
      if (known.source.kind === 'variable' && known.source.variable !== variable)
        throw new SomaError(`variable(): expected one variable named ${variable.name}, got two; rename one`);
      return known;
    }
    const type: TensorType = { dtype: 'f32', shape: variable.shape, time: null, format: 'flat' };
    const value = this.value(type, { kind: 'variable', variable });
    this.variables.set(variable.name, value);
    return value;
  }

  constant(shape: readonly number[], data: Float32Array): Value {
    if (data.length !== size(shape)) throw mismatch('constant()', `${size(shape)} numbers`, data.length);
    return this.value({ dtype: 'f32', shape, time: null, format: 'flat' }, { kind: 'constant', data });
  }

  scalar(x: number): Value {
    return this.constant([], Float32Array.of(x));
  }

  /** Names a result that is read after each step. */
  output(name: string, value: Value): void {
    this.outputs.set(name, passing(value));
  }

  /**
   * The same value, through which no gradient passes. It exists while a network is traced: what reads it is given
   * `value` itself, and remembers that it stops there, so that a step knows nothing of it and it costs nothing.
   */
  stopped(value: Value): Value {
    return this.value(value, { kind: 'stopped', value: passing(value) });
  }

  /** Runs `body` with `name` as the scope of all nodes that it traces. */
  scoped<R>(name: string, body: () => R): R {
    this.scopes.push(name);
    try {
      return body();
    } finally {
      this.scopes.pop();
    }
  }

  get scope(): string {
    return this.scopes.join('.');
  }

  add<A extends object>(op: OpDef<A>, given: readonly (Value | null)[], attrs: A): Node {
    const inputs = given.map((input) => input && passing(input));
    const stops = new Set(given.flatMap((input, i) => (input?.source.kind === 'stopped' ? [i] : [])));
    for (const input of inputs)
      if (input && input.graph !== this)
        throw new SomaError(`${op.name}(): expected values of one graph, got ${describe(input)} of another`);
    const node = { id: this.nextId++, op, inputs, stops, attrs, scope: this.scope, outputs: [] as Value[] };
    op.infer(inputs, attrs).forEach((type, index) => {
      node.outputs.push(this.value(type, { kind: 'node', node, index }));
    });
    this.nodes.push(node);
    return node;
  }

  private value(type: TensorType, source: Source): Value {
    const { dtype, shape, time, format } = type;
    // A batch may be empty, nothing else: kernels divide by what is left.
    const isWhole = shape.every((n, axis) => Number.isInteger(n) && n >= (axis === 0 ? 0 : 1));
    if (!isWhole || (source.kind === 'variable' && shape[0] === 0))
      throw mismatch(
        [nameOf(source), this.scope].filter(Boolean).join(' in '),
        'whole numbers above 0 as its shape',
        `[${shape.join('×')}]`,
        'look at the sizes and options that it follows from',
      );
    return { id: this.nextId++, graph: this, dtype, shape, time, format, source };
  }
}

function nameOf(source: Source): string {
  if (source.kind === 'node') return `${source.node.op.name}()`;
  return source.kind === 'variable'
    ? source.variable.name
    : source.kind === 'input'
      ? source.name
      : source.kind;
}

/** The value itself, where `value` is one that stops gradients. */
function passing(value: Value): Value {
  return value.source.kind === 'stopped' ? value.source.value : value;
}

/** The same value, through which no gradient passes (PyTorch's `detach`). */
export function stopGradient(x: Value): Value {
  return x.graph.stopped(x);
}

/** Applies an op and returns its outputs. The graph is that of the first input. */
export function apply<A extends object>(
  op: OpDef<A>,
  inputs: readonly (Value | null)[],
  attrs: A,
): readonly Value[] {
  const first = inputs.find((input) => input !== null);
  if (!first) throw new SomaError(`${op.name}(): expected at least one value, got none`);
  return first.graph.add(op, inputs, attrs).outputs;
}
