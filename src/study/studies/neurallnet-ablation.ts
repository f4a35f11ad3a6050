import { defineStudy } from '../study.ts';

/** 20 epochs are what a CPU does in an hour or two; the learning rate falls to nothing in them. */
export const neurallnetAblation = defineStudy({
  name: 'neurallnet-ablation',
  title: 'NeurALLNet without its attention',
  question:
    'Paper (e) lost more than 30 points of accuracy without squeeze-and-excitation. Does a network lose them that is trained without it, or one whose attention is switched off after training?',
  source: 'paper (e), abstract and ablation; its layers are not public, the network is our stand-in',
  data: {
    leukaemia: {
      what: 'acute lymphoblastic leukaemia, 4 classes, class/* of images',
      split: { seed: 0, ratios: { train: 80, val: 10, test: 10 }, keepTogether: 'near-duplicates' },
    },
  },
  seeds: [0, 1, 2],
  arms: [
    {
      name: 'attention',
      title: 'with attention',
      system: 'neurallnet',
      data: 'leukaemia',
      set: { epochs: 20 },
      paper: { accuracy: 0.9816 },
    },
    {
      name: 'without',
      title: 'trained without',
      system: 'neurallnet',
      data: 'leukaemia',
      set: { epochs: 20, attention: 'none' },
    },
    { name: 'off', title: 'switched off after training', evaluates: 'attention', set: { attention: 'none' } },
  ],
  pairs: [
    ['attention', 'without'],
    ['attention', 'off'],
    ['without', 'off'],
  ],
});
