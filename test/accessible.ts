/** What every page must have for those who cannot see it, or use no mouse: tested on the markup alone. */
import { expect } from 'vitest';

export function expectAccessible(page: string): void {
  expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(page).toMatch(/<title>[^<]{5,}<\/title>/);
  expect(page.match(/<main\b/g)).toHaveLength(1);
  expectHeadings(page);
  expectFigures(page);
  expectTables(page);
  const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
  expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
  const references = /(?:aria-describedby|aria-labelledby|for)="([^"]+)"|url\(#([^)]+)\)/g;
  for (const [, name, url] of page.matchAll(references)) expect(ids).toContain(name ?? url);
}

/** One first heading, and no step left out on the way down. */
function expectHeadings(page: string): void {
  const levels = [...page.matchAll(/<h([1-6])\b[^>]*>(.*?)<\/h\1>/gs)].map(([, level, text]) => {
    expect(text.trim(), `h${level}`).not.toBe('');
    return Number(level);
  });
  expect(levels.filter((level) => level === 1)).toHaveLength(1);
  for (const [i, level] of levels.entries()) expect(level).toBeLessThanOrEqual((levels[i - 1] ?? 0) + 1);
}

/** Every graphic is a picture with a name and a description in words; every image has its text. */
function expectFigures(page: string): void {
  for (const [svg, attributes] of page.matchAll(/<svg\b([^>]*)>/g)) {
    expect(attributes, svg).toMatch(/\brole="img"/);
    expect(attributes, svg).toMatch(/\baria-label="[^"]{4,}"/);
    const [, id] = attributes.match(/\baria-describedby="([^"]+)"/) ?? [];
    const [, words] = page.match(new RegExp(`<desc id="${id}">([^<]*)</desc>`)) ?? [];
    expect(words?.length, svg).toBeGreaterThan(20);
  }
  for (const [img] of page.matchAll(/<img\b[^>]*>/g)) expect(img).toMatch(/\balt="[^"]{4,}"/);
  for (const [, body] of page.matchAll(/<figure\b[^>]*>(.*?)<\/figure>/gs))
    expect(body).toMatch(/<figcaption\b/);
}

/** Tables of data say what they show, and every column and row has a heading. */
function expectTables(page: string): void {
  for (const [, attributes, body] of page.matchAll(/<table\b([^>]*)>(.*?)<\/table>/gs)) {
    for (const [heading] of body.matchAll(/<th\b[^>]*>/g)) expect(heading).toMatch(/\bscope="(col|row)"/);
    // Bars of probabilities in a card of the review: the card is their heading.
    if (attributes.includes('class="bars"')) continue;
    expect(body).toMatch(/^\s*<caption>.{5,}<\/caption>/s);
    for (const [heading] of body.matchAll(/<th scope="col"[^>]*>.*?<\/th>/gs))
      expect(heading).not.toMatch(/>\s*</);
  }
}
