import { defineStudy } from '../study.ts';

/** Table 1 of paper (d), CIFAR-10 after ten epochs, from the weights of ImageNet: fine-tuned, and all but the last layers frozen. */
const PAPER = {
  vgg16: { title: 'VGG16', vanilla: 0.1243, transfer: 0.6567 },
  resnet50: { title: 'ResNet50', vanilla: 0.7042, transfer: 0.2633 },
  xception: { title: 'Xception', vanilla: 0.8983, transfer: 0.6983 },
} as const;

const HOW = { vanilla: 'all trained', transfer: 'random base frozen' } as const;

export const imagenetNetworks = defineStudy({
  name: 'imagenet-networks',
  title: 'Networks of ImageNet, from a random start',
  question:
    'What do the networks that paper (d) takes from ImageNet learn here without its weights, and what is a frozen base worth that has seen nothing?',
  source: 'paper (d), table 1, CIFAR-10, ten epochs; the paper starts from weights of ImageNet',
  data: {
    cifar10: {
      what: 'CIFAR-10: its binary version (cifar-10-binary.tar.gz) or train/class/* and test/class/* of images, unpacked in any case',
      // validation_split 0.33 of the paper's code: 33,500 and 16,500.
      split: { seed: 0, ratios: { train: 67, val: 33, test: 0 } },
    },
  },
  arms: (['vgg16', 'resnet50', 'xception'] as const).flatMap((system) =>
    (['vanilla', 'transfer'] as const).map((freeze) => ({
      name: `${system}-${freeze}`,
      title: `${PAPER[system].title}, ${HOW[freeze]}`,
      system,
      data: 'cifar10',
      set: { freeze },
      paper: { accuracy: PAPER[system][freeze] },
    })),
  ),
  pairs: (['vgg16', 'resnet50', 'xception'] as const).map((system): [string, string] => [
    `${system}-vanilla`,
    `${system}-transfer`,
  ]),
});
