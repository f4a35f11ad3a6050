/** Every system by its name on the command line. */
import { EXIT, nearest, SomaError } from '../errors.ts';
import { aeCnn } from './ae-cnn.ts';
import { cbamCnn, saCnn, seCnn } from './attention-cnn.ts';
import { attentionCnn1 } from './attention-cnn1.ts';
import { attentionCnn2 } from './attention-cnn2.ts';
import { attentionCnn3 } from './attention-cnn3.ts';
import { autoclassifier } from './autoclassifier.ts';
import { biasnn, lasnn } from './biasnn.ts';
import { cnn, cnnAblations, cnnStride2 } from './cnn.ts';
import { inception } from './inception.ts';
import { msResnet18 } from './ms-resnet18.ts';
import { neurallnet } from './neurallnet.ts';
import { resnet34 } from './resnet34.ts';
import { resnet50 } from './resnet50.ts';
import { scnn } from './scnn.ts';
import { spikingAttentionNet } from './spiking-attention-net.ts';
import type { System } from './system.ts';
import { systemFaults } from './system-faults.ts';
import { cbamVgg15, saVgg15, seVgg15, vgg, vgg8, vgg12, vgg15, vgg18 } from './vgg.ts';
import { vgg16 } from './vgg16.ts';
import { visionCnn } from './vision-cnn.ts';
import { xception } from './xception.ts';

export const SYSTEMS = {
  scnn,
  'ae-cnn': aeCnn,
  cnn,
  'cnn-stride2': cnnStride2,
  ...cnnAblations,
  vgg,
  vgg8,
  vgg12,
  vgg15,
  vgg18,
  inception,
  resnet34,
  autoclassifier,
  'se-cnn': seCnn,
  'sa-cnn': saCnn,
  'cbam-cnn': cbamCnn,
  'se-vgg15': seVgg15,
  'sa-vgg15': saVgg15,
  'cbam-vgg15': cbamVgg15,
  'ms-resnet18': msResnet18,
  biasnn,
  lasnn,
  neurallnet,
  'vision-cnn': visionCnn,
  'attention-cnn1': attentionCnn1,
  'attention-cnn2': attentionCnn2,
  'attention-cnn3': attentionCnn3,
  vgg16,
  resnet50,
  xception,
  'spiking-attention-net': spikingAttentionNet,
} as const satisfies Record<string, System>;

/** Module that a system of a user was read from. */
export interface SystemFile {
  readonly path: string;
  /** SHA-256 of the module, without what it imports. */
  readonly fingerprint: string;
}

/** Systems that are not Soma's own, by name and by what they were named by. */
const registered = new Map<string, { readonly system: System; readonly file?: SystemFile }>();

/**
 * Makes a system known by its name for as long as the process lives.
 * @param file where it was read from, and the words by which it was named there
 * @throws SomaError where it is none, or another system has the name
 */
export function registerSystem(system: System, file?: SystemFile & { readonly reference: string }): void {
  const faults = systemFaults(system);
  if (faults.length > 0)
    throw new SomaError(`registerSystem(): expected a system, got ${faults.join('; ')}`, EXIT.usage);
  const { name } = system;
  const known = registered.get(name)?.system;
  if (name in SYSTEMS || (known && known !== system))
    throw new SomaError(
      `system: expected a name of its own, got ${name}, which is taken; rename it`,
      EXIT.usage,
    );
  const entry = { system, ...(file ? { file: { path: file.path, fingerprint: file.fingerprint } } : {}) };
  registered.set(name, entry);
  if (file) registered.set(file.reference, entry);
}

/** Where a system of a user was read from; undefined of Soma's own. */
export function systemFile(name: string): SystemFile | undefined {
  return registered.get(name)?.file;
}

/** The system called `name`; throws with the nearest name where there is none. */
export function findSystem(name: string): System {
  const system = Object.entries(SYSTEMS).find(([key]) => key === name)?.[1];
  if (system) return system as System;
  const own = registered.get(name)?.system;
  if (own) return own;
  const names = [
    ...Object.keys(SYSTEMS),
    ...new Set([...registered.values()].map((each) => each.system.name)),
  ];
  const near = nearest(name, names);
  throw new SomaError(
    `system: expected ${names.join(' or ')}, got ${name}${near ? `; did you mean ${near}?` : ''}`,
    EXIT.usage,
  );
}
