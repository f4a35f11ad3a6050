/** How training is shown: a bar on a terminal, one line an epoch elsewhere. All of it on stderr. */
import { Presets, SingleBar } from 'cli-progress';
import { duration } from '../report/format.ts';
import type { EpochRecord, PretrainingRecord } from '../train/record.ts';
import type { Figure, StepReport } from '../train/task.ts';
import { say } from './io.ts';

export interface ProgressDisplay {
  step(report: StepReport): void;
  epoch(record: EpochRecord | PretrainingRecord, best: boolean): void;
  close(): void;
}

/** @param terminal whether someone watches; without, only lines are written */
export function progressDisplay(epochs: number, terminal = process.stderr.isTTY === true): ProgressDisplay {
  const bar = terminal
    ? new SingleBar(
        {
          format: 'epoch {epoch} {bar} {value}/{total} {phase}  {rate} images/s  {left} left  {figures}',
          clearOnComplete: true,
          hideCursor: true,
          stream: process.stderr,
        },
        Presets.shades_classic,
      )
    : undefined;
  const pace = new Pace();
  let current = 0;
  return {
    step(report) {
      if (!bar) return;
      const { epoch, batch, batches, phase, imagesPerSecond, loss, figure, rates } = report;
      const payload = {
        epoch: `${stageText(report.stage)}${epoch}/${report.epochs}`,
        phase,
        rate: imagesPerSecond.toFixed(0),
        left: pace.left(report),
        figures: [`loss ${loss.toFixed(4)}`, figureText('', figure), ...ratesText(rates)].join('  '),
      };
      if (epoch !== current) bar.start(batches, batch, payload);
      else bar.update(batch, payload);
      current = epoch;
    },
    epoch(record, best) {
      bar?.stop();
      current = 0;
      say(epochLine(record, epochs, best));
    },
    close: () => bar?.stop(),
  };
}

/** A bar that counts what has been looked at; nothing where nobody watches. */
export function countingBar(name: string, unit: string, terminal = process.stderr.isTTY === true) {
  if (!terminal) return { update: () => {}, stop: () => {} };
  const format = `${name} {bar} {value}/{total} ${unit}  {eta_formatted} left`;
  const bar = new SingleBar(
    { format, clearOnComplete: true, stream: process.stderr },
    Presets.shades_classic,
  );
  return {
    update(done: number, total: number) {
      if (bar.isActive) bar.update(done);
      else bar.start(total, done);
    },
    stop: () => bar.stop(),
  };
}

function percent(x: number): string {
  return `${(100 * x).toFixed(2)} %`;
}

function stageText(stage: StepReport['stage']): string {
  return stage === 'pretraining' ? 'pre-training ' : '';
}

function figureText(of: string, { name, value }: Figure): string {
  return `${of}${name} ${name === 'accuracy' ? percent(value) : value.toFixed(4)}`;
}

function ratesText(rates: Readonly<Record<string, number>>): string[] {
  const list = Object.entries(rates).map(([layer, rate]) => `${layer} ${(100 * rate).toFixed(1)} %`);
  return list.length > 0 ? [`spikes ${list.join(', ')}`] : [];
}

/** Estimates the time to the end of the last epoch from the pace since the first report. */
class Pace {
  private first: { at: number; done: number } | undefined;

  left({ epoch, epochs, batch, batches }: StepReport): string {
    const done = epoch - 1 + batch / batches;
    this.first ??= { at: performance.now(), done };
    const since = done - this.first.done;
    if (since <= 0) return '–';
    const seconds = (((epochs - done) / since) * (performance.now() - this.first.at)) / 1000;
    return duration(seconds);
  }
}

/** What stands beside the loss, on training and on validation. */
function figuresOf(record: EpochRecord | PretrainingRecord): { train: Figure; val: Figure } {
  if ('train_mae' in record)
    return {
      train: { name: 'mae', value: record.train_mae },
      val: { name: 'mae', value: record.val_mae },
    };
  return {
    train: { name: 'accuracy', value: record.train_accuracy },
    val: { name: 'accuracy', value: record.val_accuracy },
  };
}

function epochLine(record: EpochRecord | PretrainingRecord, epochs: number, best: boolean): string {
  const { epoch, train_loss, val_loss, seconds, rates = {} } = record;
  const speed = record.images_per_second;
  const { train, val } = figuresOf(record);
  return [
    `${stageText('train_mae' in record ? 'pretraining' : 'training')}epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`,
    `train_loss ${train_loss.toFixed(4)}`,
    figureText('train_', train),
    `val_loss ${val_loss.toFixed(4)}`,
    figureText('val_', val),
    `${seconds.toFixed(1)} s`,
    ...(speed === undefined ? [] : [`${speed.toFixed(0)} images/s`]),
    ...ratesText(rates),
    ...(best ? ['best'] : []),
  ].join('  ');
}
