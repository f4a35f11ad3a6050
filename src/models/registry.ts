/** Every system by its name on the command line. */
import { EXIT, nearest, SomaError } from '../errors.ts';
import { aeCnn } from './ae-cnn.ts';
import { attentionCnn1 } from './attention-cnn1.ts';
import { attentionCnn2 } from './attention-cnn2.ts';
import { attentionCnn3 } from './attention-cnn3.ts';
import { msResnet18 } from './ms-resnet18.ts';
import { resnet50 } from './resnet50.ts';
import { scnn } from './scnn.ts';
import { seCnn } from './se-cnn.ts';
import type { System } from './system.ts';
import { vgg16 } from './vgg16.ts';
import { visionCnn } from './vision-cnn.ts';
import { xception } from './xception.ts';

export const SYSTEMS = {
  scnn,
  'ae-cnn': aeCnn,
  'se-cnn': seCnn,
  'ms-resnet18': msResnet18,
  'vision-cnn': visionCnn,
  'attention-cnn1': attentionCnn1,
  'attention-cnn2': attentionCnn2,
  'attention-cnn3': attentionCnn3,
  vgg16,
  resnet50,
  xception,
} as const satisfies Record<string, System>;

/** The system called `name`; throws with the nearest name where there is none. */
export function findSystem(name: string): System {
  const system = Object.entries(SYSTEMS).find(([key]) => key === name)?.[1];
  if (system) return system as System;
  const names = Object.keys(SYSTEMS);
  const near = nearest(name, names);
  throw new SomaError(
    `system: expected ${names.join(' or ')}, got ${name}${near ? `; did you mean ${near}?` : ''}`,
    EXIT.usage,
  );
}
