/** The calibrated confident joint as a heat map: what the labels say against what they should say, by estimate. */
import type { FigureSource } from '../figure.ts';
import { matrix } from './confusion-figure.ts';

export function labelJointFigure(
  joint: readonly (readonly number[])[],
  classes: readonly string[],
): FigureSource {
  const wrong = joint
    .flatMap((row, i) => row.map((count, j) => ({ i, j, count })))
    .filter(({ i, j, count }) => i !== j && count > 0)
    .sort((a, b) => b.count - a.count);
  const largest = wrong.slice(0, 3).map(({ i, j, count }) => `${classes[i]} for ${classes[j]} (${count})`);
  return {
    slug: 'label-joint',
    title: 'Given labels against likely ones',
    description:
      largest.length > 0
        ? `Rows are given labels, columns likely ones. Most frequent mistakes by estimate: ${largest.join(', ')}.`
        : 'Rows are given labels, columns likely ones. By estimate no label is wrong.',
    spec: matrix({ counts: joint, names: classes, rows: 'given label', columns: 'likely class' }, 460),
  };
}
