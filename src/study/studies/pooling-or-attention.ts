import { defineStudy } from '../study.ts';

export const poolingOrAttention = defineStudy({
  name: 'pooling-or-attention',
  title: 'Pooling or attention',
  question:
    'Paper (c) credits attention with the step from its CNN to SE-, SA- and CBAM-CNN. Those also pool with stride 2 where the CNN has stride 1, and have dropout: how much of the gain is attention?',
  source: 'paper (c), table 3, with controls that it lacks',
  data: { blood: 'BloodMNIST or a set like it, 64 px' },
  seeds: [0, 1, 2],
  arms: [
    { name: 'cnn-stride2', system: 'cnn-stride2', data: 'blood' },
    {
      name: 'cnn-stride2-dropout',
      title: 'CNN, stride-2 pools, dropout',
      system: 'cnn-stride2',
      data: 'blood',
      set: { dropout: 0.2 },
    },
    { name: 'se-cnn', system: 'se-cnn', data: 'blood', paper: { accuracy: 0.9819 } },
    { name: 'sa-cnn', system: 'sa-cnn', data: 'blood', paper: { accuracy: 0.9775 } },
    { name: 'cbam-cnn', system: 'cbam-cnn', data: 'blood', paper: { accuracy: 0.9787 } },
    { name: 'cnn', system: 'cnn', data: 'blood', seeds: [0], paper: { accuracy: 0.9643 } },
  ],
  pairs: [
    ['cnn-stride2', 'cnn'],
    ['cnn-stride2-dropout', 'cnn-stride2'],
    ['se-cnn', 'cnn-stride2-dropout'],
    ['sa-cnn', 'cnn-stride2-dropout'],
    ['cbam-cnn', 'cnn-stride2-dropout'],
  ],
});
