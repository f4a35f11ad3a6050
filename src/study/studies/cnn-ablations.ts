import { defineStudy } from '../study.ts';

/** Table 2 of paper (c): the models whose dense layers do not have 67 to 269 million parameters, and the others as one epoch. */
const PAPER = [0.91, 0.91, 0.93, 0.87, 0.95, 0.92, 0.92, 0.91, 0.9, 0.93, 0.91, 0.92, 0.91];
const LARGE = 6;

export const cnnAblations = defineStudy({
  name: 'cnn-ablations',
  title: 'Ablations of the CNN',
  question: 'What do depth, a final pool, BatchNorm and hidden layers bring to the CNN of paper (c)?',
  source: 'paper (c), table 2',
  data: { blood: 'BloodMNIST or a set like it, 64 px' },
  arms: [
    ...PAPER.map((accuracy, i) => ({
      name: `cnn-ablation-${i + 1}`,
      system: `cnn-ablation-${i + 1}`,
      data: 'blood',
      oneEpoch: i + 1 >= LARGE,
      paper: { accuracy },
    })),
    // That the rate is constant is inferred, and BatchNorm's running statistics lag behind weights that still move.
    {
      name: 'cnn-ablation-5-decay',
      title: 'CNN ablation 5, decaying rate',
      system: 'cnn-ablation-5',
      data: 'blood',
      set: { schedule: { kind: 'compounding', decay: 0.1 } },
      paper: { accuracy: PAPER[4] },
    },
  ],
  pairs: [
    ['cnn-ablation-2', 'cnn-ablation-1'],
    ['cnn-ablation-4', 'cnn-ablation-3'],
    ['cnn-ablation-3', 'cnn-ablation-1'],
    ['cnn-ablation-5', 'cnn-ablation-4'],
    ['cnn-ablation-5-decay', 'cnn-ablation-5'],
  ],
});
