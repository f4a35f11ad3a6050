/** Every neuron model. A new one is a file beside this and a row here. */
import { lif } from './lif.ts';
import type { NeuronModel } from './neuron.ts';

export const NEURONS = { lif } satisfies Record<string, NeuronModel>;
export type NeuronName = keyof typeof NEURONS;
