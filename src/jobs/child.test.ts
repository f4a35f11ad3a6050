import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

/** A child by itself, as it is when its parent died at once. */
async function orphan(word: string): Promise<{ code: number; output: string }> {
  const main = new URL('../../dist/cli/main.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [main, '--version'], { env: { ...process.env, SOMA_WAITS: '1' } });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  child.stdin.end(word);
  const [code] = await once(child, 'close');
  return { code, output };
}

describe('a child', () => {
  it('begins when it is told to', async () => {
    const { code, output } = await orphan('begin\n');
    expect([code, output]).toEqual([0, expect.stringMatching(/^\d+\.\d+/)]);
  });

  it('does nothing where its parent died before it shared the claim', async () => {
    expect(await orphan('')).toEqual({ code: 130, output: '' });
  });
});
