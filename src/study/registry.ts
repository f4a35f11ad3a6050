/** Every study by its name on the command line. A new one is a file in `studies/` and a row here. */
import { EXIT, nearest, SomaError } from '../errors.ts';
import { alifVsLif } from './studies/alif-vs-lif.ts';
import { attentionOnCnnAndVgg } from './studies/attention-on-cnn-and-vgg.ts';
import { biasnnVsBackbone } from './studies/biasnn-vs-backbone.ts';
import { bloodArchitectures } from './studies/blood-architectures.ts';
import { cnnAblations } from './studies/cnn-ablations.ts';
import { hybrids } from './studies/hybrids.ts';
import { imagenetNetworks } from './studies/imagenet-networks.ts';
import { neurallnetAblation } from './studies/neurallnet-ablation.ts';
import { oversampling } from './studies/oversampling.ts';
import { poolingOrAttention } from './studies/pooling-or-attention.ts';
import { resolution } from './studies/resolution.ts';
import { scnnVsAecnn } from './studies/scnn-vs-aecnn.ts';
import { visionnet } from './studies/visionnet.ts';
import type { Study } from './study.ts';

export const STUDIES: readonly Study[] = [
  scnnVsAecnn,
  resolution,
  cnnAblations,
  bloodArchitectures,
  attentionOnCnnAndVgg,
  poolingOrAttention,
  oversampling,
  hybrids,
  biasnnVsBackbone,
  alifVsLif,
  visionnet,
  imagenetNetworks,
  neurallnetAblation,
];

/** The study called `name`; throws with the nearest name where there is none. */
export function findStudy(name: string): Study {
  const study = STUDIES.find((each) => each.name === name);
  if (study) return study;
  const names = STUDIES.map((each) => each.name);
  const near = nearest(name, names);
  throw new SomaError(
    `study: expected ${names.join(', ')}, or a .json file, got ${name}${near ? `; did you mean ${near}?` : ''}`,
    EXIT.usage,
  );
}
