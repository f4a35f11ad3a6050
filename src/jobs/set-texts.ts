/** Options and settings as a command line has them. */

/** `key=value` of each, as `--set` reads it: JSON, else text, so that text which is JSON too has to be quoted. */
export function setTexts(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).map(([name, value]) => {
    const isPlain = typeof value === 'string' && !isJson(value);
    return `${name}=${isPlain ? value : JSON.stringify(value)}`;
  });
}

/** The same, each behind its `--set`. */
export function setArguments(values: Readonly<Record<string, unknown>>): string[] {
  return setTexts(values).flatMap((text) => ['--set', text]);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
