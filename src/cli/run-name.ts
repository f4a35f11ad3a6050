/** Names of folders that get none from the user: the time in UTC, and what is in them. */
export function runName(...parts: readonly (string | number)[]): string {
  const time = new Date()
    .toISOString()
    .replace(/[-:]|\..*/g, '')
    .replace('T', '-');
  return [time, ...parts].join('-');
}
