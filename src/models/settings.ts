/** Training settings: what a paper states, what a user may override, what a run writes down. */
import { z } from 'zod';
import { parsed } from './parsed.ts';

const rate = z.number().positive();
/** That of paper (c). */
const decay = rate.default(0.1);

export const optimizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd'),
    momentum: z.number().min(0).lt(1).default(0),
    nesterov: z.boolean().default(false),
    weightDecay: z.number().min(0).default(0),
  }),
  z.strictObject({
    kind: z.enum(['adam', 'adamw']),
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.999),
    /** Left out: the framework's, 1e-7 for Keras and 1e-8 for PyTorch. */
    eps: rate.optional(),
    weightDecay: z.number().min(0).default(0),
  }),
]);

export const scheduleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant') }),
  /** lr·gamma^⌊epoch/every⌋ */
  z.strictObject({ kind: z.literal('step'), every: z.int().positive(), gamma: z.number().positive() }),
  /** Half a cosine from lr to `floor` over all epochs. */
  z.strictObject({ kind: z.literal('cosine'), floor: z.number().min(0).default(0) }),
  /** lr·exp(−decay·epoch) */
  z.strictObject({ kind: z.literal('exponential'), decay }),
  /** lr·exp(−decay·e(e+1)/2): what paper (c)'s code does, because it decays the decayed rate again. */
  z.strictObject({ kind: z.literal('compounding'), decay }),
]);

export const augmentSchema = z.strictObject({
  flipHorizontal: z.boolean().optional(),
  flipVertical: z.boolean().optional(),
  /** Largest angle in degrees, either way. */
  rotation: z.number().min(0).max(180).optional(),
  /** Largest shift as a fraction of the side. */
  shift: z.number().min(0).lt(1).optional(),
  /** Largest change of scale: 0.1 is 0.9 … 1.1. */
  zoom: z.number().min(0).lt(1).optional(),
  /** Random crop after padding by this many pixels. */
  cropPadding: z.int().min(0).optional(),
  fill: z.enum(['nearest', 'constant', 'reflect']).optional(),
});

/** Images that each class is brought to; default: as many as the largest class has. */
const target = z.int().positive().nullable().default(null);

export const oversampleSchema = z.discriminatedUnion('kind', [
  /** Changed copies; `singleSource`, as an early code of paper (c) has it, makes all of a class from its first image. */
  augmentSchema.extend({
    kind: z.literal('augment'),
    target,
    singleSource: z.boolean().default(false),
    // Those of paper (c).
    flipHorizontal: z.boolean().default(true),
    flipVertical: z.boolean().default(true),
    rotation: augmentSchema.shape.rotation.default(10),
    shift: augmentSchema.shape.shift.default(0.1),
    zoom: augmentSchema.shape.zoom.default(0.1),
  }),
  /**
   * Points between an image and one of its k nearest of the class. `uint8` takes the difference in bytes, as
   * imbalanced-learn does where it is given bytes: what would be negative wraps round, and the point lies elsewhere.
   */
  z.strictObject({
    kind: z.literal('smote'),
    target,
    k: z.int().positive().default(5),
    arithmetic: z.enum(['exact', 'uint8']).default('exact'),
  }),
]);

const shuffleSchema = z.union([z.boolean(), z.literal('once')], 'must be true, false or once');

const MONITORS = ['val_loss', 'val_accuracy'] as const;

const earlyStopping = <Monitor extends z.ZodType>(monitor: Monitor) =>
  z.strictObject({ monitor, patience: z.int().positive() }).nullable().default(null);

/** What every stage of training has. */
const stage = {
  optimizer: optimizerSchema,
  lr: rate,
  schedule: scheduleSchema.default({ kind: 'constant' }),
  batchSize: z.int().positive(),
  /** Leaves out a last batch that is not full. */
  dropLast: z.boolean().default(false),
  epochs: z.int().positive(),
  /** Drawn anew in each epoch. */
  augment: augmentSchema.nullable().default(null),
  /** Copies drawn once and appended to the training set. */
  offlineAugment: augmentSchema.extend({ copies: z.int().positive() }).nullable().default(null),
  /** New images of the rarer classes, until each has as many as the largest. */
  oversample: oversampleSchema.nullable().default(null),
  /** Order of the training images: drawn anew in each epoch, drawn once, or that of the data set. */
  shuffle: shuffleSchema.default(true),
};

/** Training before the training: a network that makes its images again, without labels. */
export const pretrainingSchema = z.strictObject({
  ...stage,
  earlyStopping: earlyStopping(z.literal('val_loss').default('val_loss')),
  /** Which weights are handed on: the best epoch's on validation, or the last. */
  evaluate: z.enum(['best', 'last']).default('best'),
});

export const settingsSchema = z.strictObject({
  ...stage,
  earlyStopping: earlyStopping(z.enum(MONITORS).default('val_loss')),
  /**
   * What makes an epoch the best, for early stopping too, and whether anything stops early or not; null: what early stopping
   * watches, else the loss.
   */
  monitor: z.enum(MONITORS).nullable().default(null),
  /** Which weights are evaluated on test: the best epoch's on validation, or the last. */
  evaluate: z.enum(['best', 'last']).default('best'),
  /**
   * How validation runs the network. `training`, as the code of paper (d) does: dropout is on, BatchNorm normalises by the
   * batch, and its running statistics go on with the images of validation.
   */
  validationMode: z.enum(['evaluation', 'training']).default('evaluation'),
  /** Weigh the loss by N/(K·n_c). */
  classWeights: z.boolean().default(false),
  labelSmoothing: z.number().min(0).lt(1).default(0),
  /**
   * Training ends after so many steps, wherever that is, and nothing is tested: to measure a network that is too slow to
   * be trained here.
   */
  maxSteps: z.int().positive().nullable().default(null),
  /** Of systems that have a network for it; null: straight to the training. */
  pretraining: pretrainingSchema.nullable().default(null),
});

export type TrainingSettings = z.output<typeof settingsSchema>;
export type PretrainingSettings = z.output<typeof pretrainingSchema>;
/** What the stages of training have in common. */
export type StageSettings = Omit<
  TrainingSettings,
  'monitor' | 'validationMode' | 'classWeights' | 'labelSmoothing' | 'maxSteps' | 'pretraining'
>;

/** Fills in what a system leaves out. */
export function settings(given: z.input<typeof settingsSchema>): TrainingSettings {
  return parsed(settingsSchema, given, 'settings()');
}
