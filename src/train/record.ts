/** What is written down of each epoch. */

/** One epoch, as a line of `metrics.jsonl`. Losses in nats, accuracies and rates 0 … 1. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly train_loss: number;
  readonly train_accuracy: number;
  readonly val_loss: number;
  readonly val_accuracy: number;
  /** Learning rate in use during the epoch. */
  readonly lr: number;
  /** Wall time of the epoch, validation included. */
  readonly seconds: number;
  /** Images trained on in a second, validation left out. */
  readonly images_per_second?: number;
  /** Part of `seconds` that training waited for images. */
  readonly data_seconds?: number;
  /** Mean spikes per neuron and step of each spiking layer, in the order of the network. */
  readonly rates?: Readonly<Record<string, number>>;
}
