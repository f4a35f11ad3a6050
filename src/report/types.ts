/**
 * What a report is made from. The training loop and the commands fill these in; nothing here is computed.
 */
import type { Relabelling, Split, Splitting } from '../data/dataset.ts';
import type { ImageShape } from '../data/image.ts';
import type { Vote } from '../measure/ensemble.ts';
import type { Metrics } from '../measure/metrics.ts';
import type { Predictions } from '../measure/predictions.ts';
import type { EpochRecord, PretrainingRecord } from '../train/record.ts';
import type { RunBench } from '../train/run-bench.ts';
import type { MeasuredSteps } from '../train/step-trace.ts';
import type { Analyses } from './analyses.ts';

/** Where a run was made. */
export interface Environment {
  /** Version of Soma. */
  readonly soma: string;
  /** Version of Node. */
  readonly node: string;
  /** The processor's name. */
  readonly cpu: string;
  /** Logical processors of the machine. */
  readonly cores: number;
  /** Threads that the engine used. */
  readonly threads: number;
  /** `native` or `reference`. */
  readonly engine: string;
  /** Instruction set of the kernels, e.g. `avx512`. */
  readonly isa: string;
}

export interface Sizes {
  /** Parameters as they are computed with. */
  readonly weightsBytes: number;
  /** The checkpoint on disk, optimizer slots included. */
  readonly fileBytes: number;
  /** Planned memory of one training step. */
  readonly peakBytes: number;
  /** Largest resident memory of the process. */
  readonly residentBytes: number;
}

/** Who votes in an ensemble, and how. */
export interface EnsembleFacts {
  readonly vote: Vote;
  readonly members: readonly {
    readonly name: string;
    readonly title: string;
    readonly seed: number;
    /** Accuracies, 0 … 1; null where validation was left out. */
    readonly validation: number | null;
    readonly test: number;
  }[];
  /** Of the ensemble. */
  readonly validation: number | null;
}

/** What was trained before the system's own network, and handed on to it. */
export interface PretrainingReport {
  /** What it is, e.g. auto-encoder. */
  readonly title: string;
  /** Trainable parameters. */
  readonly parameters: number;
  readonly history: readonly PretrainingRecord[];
  /** Epoch whose weights were handed on; 0 before the first ended. */
  readonly epoch: number;
}

/** A run, as far as it went; or an ensemble of runs, which has no history. */
export interface RunReport {
  /** Name of the run: its folder. */
  readonly name: string;
  /** The folder as one would name it to a command. */
  readonly path?: string;
  readonly system: {
    /** Short name, e.g. `scnn`. */
    readonly name: string;
    /** Name for figures and tables, e.g. `SCNN`. */
    readonly title: string;
    /** Where the system was published. */
    readonly paper: string;
  };
  /** `ImageShape` is that of the images as the network reads them. */
  readonly data: ImageShape & {
    readonly name: string;
    readonly classes: readonly string[];
    /** SHA-256 of the data set. */
    readonly fingerprint: string;
    /** Images of each class in each split, in class order. */
    readonly counts: Readonly<Record<Split, readonly number[]>>;
    /** How splits that are not stored were drawn. */
    readonly splitting?: Splitting;
    /** The log that labels were read through. */
    readonly relabelling?: Relabelling;
  };
  /** The full resolved configuration; nested objects are shown with dotted keys. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly environment: Environment;
  readonly history: readonly EpochRecord[];
  /** Epoch that was best on validation; 0 before the first epoch ended. */
  readonly bestEpoch: number;
  /** Epoch whose weights are tested: the best or, as some papers have it, the last. */
  readonly keptEpoch: number;
  /** Left out where there was none. */
  readonly pretraining?: PretrainingReport;
  /** Trainable parameters. */
  readonly parameters: number;
  readonly sizes: Sizes;
  /** The test set, read once after training; left out while it has not been read. */
  readonly test?: { readonly metrics: Metrics; readonly predictions: Predictions };
  /** Left out where it is a run of one network. */
  readonly ensemble?: EnsembleFacts;
  /** How long predictions take, and how large the network is; left out where `soma bench` has not measured it. */
  readonly latency?: RunBench;
  /** What commands found out about it; left out of an ensemble. */
  readonly analyses?: Analyses;
  /** Of a run that ends after a number of steps. */
  readonly measured?: MeasuredSteps;
  /** What the reader must know: dead layers, duplicates across splits, a slow engine. */
  readonly warnings: readonly string[];
}

/** Test images above what a pre-trained network makes of them. */
export interface ReconstructionPicture {
  /** `data:image/png;base64,…` */
  readonly png: string;
  /** Classes of the images, from the left. */
  readonly classes: readonly string[];
  /** Mean squared and mean absolute error over all test images, pixels in [0, 1]. */
  readonly mse: number;
  readonly mae: number;
}

/** A picture in a report, e.g. one of the most confident errors. */
export interface SampleImage {
  /** The picture itself: `data:image/png;base64,…`. */
  readonly png: string;
  /** Image name in the predictions. */
  readonly name: string;
  /** True class. */
  readonly label: string;
  readonly predicted: string;
  /** Probability of the predicted class, 0 … 1. */
  readonly confidence: number;
}
