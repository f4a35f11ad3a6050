import { defineStudy } from '../study.ts';

/** Table 3 of paper (c); the other variants were not published. */
const PAPER: Readonly<Record<string, number>> = {
  'se-cnn channel': 0.9819,
  'sa-cnn spatial': 0.9775,
  'cbam-cnn cbam': 0.9787,
  'se-vgg15 channel': 0.9822,
  'sa-vgg15 spatial': 0.9763,
  'cbam-vgg15 cbam': 0.9825,
};

/** The coded blocks of paper (c) beside those of the papers that they are named after, and none. */
const variants = (trunk: 'cnn' | 'vgg15') =>
  [
    ['se', 'channel', 'as coded'],
    ['se', 'squeeze-excite', 'classical'],
    ['sa', 'spatial', ''],
    ['cbam', 'cbam', 'as coded'],
    ['cbam', 'shared-cbam', 'classical'],
    ['se', 'none', 'no attention'],
  ].map(([block, attention, what]) => {
    const title = `${block.toUpperCase()}-${trunk.toUpperCase()}`;
    const accuracy = PAPER[`${block}-${trunk} ${attention}`];
    return {
      name: `${trunk}-${attention}`,
      title: attention === 'none' ? `${trunk.toUpperCase()}, ${what}` : what ? `${title}, ${what}` : title,
      system: `${block}-${trunk}`,
      data: 'blood',
      set: { attention },
      paper: { accuracy },
    };
  });

export const attentionOnCnnAndVgg = defineStudy({
  name: 'attention-on-cnn-and-vgg',
  title: 'Attention on CNN and VGG',
  question: 'Which attention block helps, on which trunk, and does its coding matter?',
  source: 'paper (c), table 3; classical variants: Hu et al. 2018, Woo et al. 2018',
  data: { blood: 'BloodMNIST or a set like it, 64 px' },
  seeds: [0, 1, 2],
  arms: [...variants('cnn'), ...variants('vgg15')],
  pairs: (['cnn', 'vgg15'] as const).flatMap((trunk): [string, string][] => [
    [`${trunk}-channel`, `${trunk}-none`],
    [`${trunk}-spatial`, `${trunk}-none`],
    [`${trunk}-cbam`, `${trunk}-none`],
    [`${trunk}-channel`, `${trunk}-squeeze-excite`],
    [`${trunk}-cbam`, `${trunk}-shared-cbam`],
  ]),
});
