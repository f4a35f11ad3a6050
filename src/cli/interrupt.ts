/** Ctrl-C and SIGTERM ask a long command to stop in good order; a second one ends it at once. */
import { EXIT } from '../errors.ts';
import { say } from './io.ts';

/** Runs `body` with a signal that is aborted on the first request; `words` are said then. */
export async function interruptible<R>(words: string, body: (signal: AbortSignal) => Promise<R>): Promise<R> {
  const abort = new AbortController();
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    say(words);
    abort.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    return await body(abort.signal);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
