import { defineStudy } from '../study.ts';

/** Ranges of paper (c); fill is nearest. */
const RANGES = { flipHorizontal: true, flipVertical: true, rotation: 10, shift: 0.1, zoom: 0.1 };

export const oversampling = defineStudy({
  name: 'oversampling',
  title: 'Oversampling',
  question:
    'Does it help to bring all classes to the size of the largest? Paper (c) lost 1.4 points by it, on its CNN with pools of stride 1 and with 25 epochs instead of 20; an early code made all new images of a class from a single one.',
  source:
    'paper (c), section on class imbalance; here on the control with pools of stride 2, 20 epochs for all',
  data: { blood: 'BloodMNIST or a set like it, 64 px' },
  seeds: [0, 1, 2],
  arms: [
    { name: 'none', title: 'as it is', system: 'cnn-stride2', data: 'blood' },
    {
      name: 'augment',
      title: 'changed copies',
      system: 'cnn-stride2',
      data: 'blood',
      set: { oversample: { kind: 'augment', ...RANGES } },
    },
    {
      name: 'single-source',
      title: 'changed copies of one image a class',
      system: 'cnn-stride2',
      data: 'blood',
      set: { oversample: { kind: 'augment', singleSource: true, ...RANGES } },
    },
    {
      name: 'smote',
      title: 'SMOTE',
      system: 'cnn-stride2',
      data: 'blood',
      set: { oversample: { kind: 'smote' } },
    },
    {
      name: 'smote-uint8',
      title: 'SMOTE in bytes, as coded',
      system: 'cnn-stride2',
      data: 'blood',
      set: { oversample: { kind: 'smote', arithmetic: 'uint8' } },
    },
    {
      name: 'weights',
      title: 'class weights',
      system: 'cnn-stride2',
      data: 'blood',
      set: { classWeights: true },
    },
  ],
  pairs: [
    ['augment', 'none'],
    ['single-source', 'none'],
    ['single-source', 'augment'],
    ['smote', 'none'],
    ['smote-uint8', 'smote'],
    ['weights', 'none'],
  ],
});
