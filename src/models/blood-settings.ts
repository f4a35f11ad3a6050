/** How paper (c) trains, on BloodMNIST at 64 px. */
import { settings, type TrainingSettings } from './settings.ts';

/**
 * 20 epochs of 64 images, the last weights evaluated. The order is the same in each epoch: that of the MedMNIST
 * file, which is mixed; folders of images come class by class, so it is drawn once. The text describes a rate of
 * exp(−0.1·epoch); the code multiplies a rate that has already decayed: `--set schedule.kind=exponential
 * --set schedule.decay=0.1` gives the former.
 *
 * SGD is known of Inception and ResNet34 alone. Of an earlier VGG it is, so that ours have it too; that the attention
 * networks learnt with Adam is inferred from how fast they did.
 */
export function bloodSettings(optimizer: 'adam' | 'sgd'): TrainingSettings {
  return settings(published(optimizer));
}

/** The same behind a pre-training, which takes full batches only. The paper is silent about its epochs: as many. */
export function pretrainedBloodSettings(): TrainingSettings {
  return settings({ ...published('adam'), pretraining: { ...published('adam'), dropLast: true } });
}

function published(optimizer: 'adam' | 'sgd') {
  return {
    optimizer: { kind: optimizer },
    lr: 1e-3,
    schedule: { kind: 'compounding', decay: 0.1 },
    batchSize: 64,
    epochs: 20,
    evaluate: 'last',
    shuffle: 'once',
  } as const;
}
