import { createHash } from 'node:crypto';
import { Script } from 'node:vm';
import { expect, it } from 'vitest';
import { expectAccessible } from '../../test/accessible.ts';
import type { Predictions } from '../measure/predictions.ts';
import { type ReviewableImage, reviewLabels } from '../measure/review.ts';
import { renderReview } from './review-page.ts';
import { REVIEW_SCRIPT } from './review-script.ts';

const NASTY = 'a"><script>alert(1)</script>.png';
const classes = ['x', '<y>'];
const predictions: Predictions = {
  classes,
  names: [NASTY, 'b.png', 'c.png', 'd.png', 'e.png'],
  labels: Int32Array.of(0, 0, 0, 1, 1),
  scores: Float64Array.of(0.1, 0.9, 0.9, 0.1, 0.8, 0.2, 0.2, 0.8, 0.3, 0.7),
};
const images = predictions.names.map(
  (image, i): ReviewableImage => ({
    ...{ image, split: 'train', label: predictions.labels[i], sha256: `hash-${i}`, kept: false },
    ...{ group: i === 1 || i === 3 ? 0 : null, distance: i === 4 ? 7.25 : 1, outlier: i === 4 },
  }),
);
const groups = [
  { images: ['b.png', 'd.png'], identical: true, conflictingLabels: true, acrossSplits: false },
];
const review = reviewLabels(images, predictions, groups, { fence: 3 });
const PICTURE = 'data:image/webp;base64,AAAA';
const render = (pictures = new Map(predictions.names.map((name) => [name, PICTURE]))) =>
  renderReview({
    ...{ review, data: 'cells', fingerprint: 'f'.repeat(64), method: 'by hand', pictures },
    ...{ command: 'soma data relabel cells', notes: ['a note'] },
  });

it('shows each image worth a look with its label, suggestion, copies and hash, and escapes their names', async () => {
  const page = await render();
  expectAccessible(page);
  const cards = page.match(/<article class="card".*?<\/article>/gs) ?? [];
  expect(cards).toHaveLength(4);
  expect(cards[0]).toContain('data-image="a&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;.png"');
  expect(cards[0]).toMatch(
    /data-label="x" data-sha256="hash-0" data-kinds="label-error" data-suggested="&lt;y&gt;"/,
  );
  expect(cards[0]).toContain('rather &lt;y&gt;?');
  expect(cards[0]).toContain('<option selected>&lt;y&gt;</option>');
  expect(page.match(/<script>/g)).toHaveLength(1);
  const conflict = cards.find((card) => card.includes('data-image="b.png"'));
  expect(conflict).toMatch(/Same picture: <span class="path">d\.png<\/span> \(&lt;y&gt;\)/);
  expect(cards[3]).toContain('7.3 times the usual distance');
  for (const card of cards) expect(card).toMatch(/<img src="data:image\/webp;base64,AAAA" alt="[^"]+"/);
});

it('lets its own script run and no other', async () => {
  const page = await render();
  const [, script] = /<script>(.*)<\/script>/s.exec(page) ?? [];
  const hash = createHash('sha256').update(script).digest('base64');
  expect(page).toContain(
    `default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-${hash}'"`,
  );
  expect(page).not.toMatch(/(src|href)="https?:/);
  expect(() => new Script(REVIEW_SCRIPT)).not.toThrow();
  // What the script looks for is there.
  for (const [, id] of REVIEW_SCRIPT.matchAll(/byId\('(\w+)'\)/g)) expect(page).toContain(`id="${id}"`);
});

it('says how many it does not show, and takes only pictures', async () => {
  expect(await render(new Map([[NASTY, PICTURE]]))).toContain('3 more images are worth a look');
  await expect(render(new Map([[NASTY, 'https://elsewhere/a.png']]))).rejects.toThrow(
    /expected a picture as data:image\/webp;base64,…, got https/,
  );
});
