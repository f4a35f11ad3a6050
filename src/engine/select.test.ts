import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

/** The module as it is in a process with these variables of environment. */
async function withEnvironment(variables: Record<string, string>) {
  vi.resetModules();
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  return import('./select.ts');
}

describe('openEngine', () => {
  let warnings: string[];
  beforeEach(() => {
    warnings = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => warnings.push(String(text)) > 0);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  test('auto without an add-on: the reference, and why, once', async () => {
    const { openEngine } = await withEnvironment({ SOMA_ADDON: '/nowhere/soma.node' });
    expect(openEngine().info.name).toBe('reference');
    openEngine();
    expect(warnings.length).toBe(1);
    expect(warnings[0]).toContain('slow reference engine');
    expect(warnings[0]).toContain('/nowhere/soma.node');
    expect(warnings[0]).toContain('npm run build:native');
  });

  test('native without an add-on says what was tried and what to do', async () => {
    const { openEngine } = await withEnvironment({ SOMA_ADDON: '/nowhere/soma.node' });
    expect(() => openEngine({ engine: 'native' })).toThrow(/tried \/nowhere\/soma\.node.*build:native/s);
    expect(warnings).toEqual([]);
  });

  test('the reference is silent when it is asked for', async () => {
    const { openEngine } = await withEnvironment({ SOMA_ENGINE: 'reference' });
    expect(openEngine().info).toEqual({ name: 'reference', isa: 'none', threads: 1 });
    expect(warnings).toEqual([]);
  });

  test('an unknown engine is answered with the nearest name', async () => {
    const { openEngine } = await withEnvironment({ SOMA_ENGINE: 'nativ' });
    expect(() => openEngine()).toThrow('native');
  });
});
