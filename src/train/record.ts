/** What is written down of each epoch. */

/** What every stage of training has: losses on training and on validation, and time. */
export interface StageRecord {
  /** From 1. */
  readonly epoch: number;
  readonly train_loss: number;
  readonly val_loss: number;
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

/** One epoch, as a line of `metrics.jsonl`. Losses in nats, accuracies and rates 0 … 1. */
export interface EpochRecord extends StageRecord {
  readonly train_accuracy: number;
  readonly val_accuracy: number;
  /** Mean F1 of the classes; runs of older versions have none. */
  readonly val_macro_f1?: number;
}

/** One epoch of pre-training, as a line of `pretraining.jsonl`. Losses are mean squared, `mae` mean absolute errors of pixels in [0, 1]. */
export interface PretrainingRecord extends StageRecord {
  readonly train_mae: number;
  readonly val_mae: number;
}
