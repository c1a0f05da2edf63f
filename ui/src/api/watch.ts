/** Keeps an event stream open while the page is visible and reconnects with backoff. */
import { CallError, type Client } from './client';
import type { ServerEvent } from './events';

export interface Watch {
  stop(): void;
}

export interface Watcher {
  event(event: ServerEvent): void;
  opened?(): void;
  /** The stream failed. `again`: milliseconds until the retry; `undefined`: no retry. */
  lost?(error: unknown, again: number | undefined): void;
}

const FIRST_WAIT = 500;
const LAST_WAIT = 8000;

/** Delay in milliseconds before retry `attempt`, from 0. */
export function retryDelay(attempt: number): number {
  return Math.min(FIRST_WAIT * 2 ** attempt, LAST_WAIT);
}

export function watch(client: Client, path: string, watcher: Watcher): Watch {
  let stopped = false;
  let controller: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;

  async function open() {
    if (stopped || document.hidden || controller) return;
    const mine = new AbortController();
    controller = mine;
    try {
      const opened = () => {
        attempt = 0;
        watcher.opened?.();
      };
      await client.events(path, mine.signal, opened, watcher.event);
      if (!mine.signal.aborted) throw new Error('the stream ended');
    } catch (error) {
      if (mine.signal.aborted) return;
      controller = undefined;
      retry(error);
    }
  }

  function retry(error: unknown) {
    const final = error instanceof CallError && error.status >= 400 && error.status < 500;
    const again = final ? undefined : retryDelay(attempt++);
    watcher.lost?.(error, again);
    if (again !== undefined) timer = setTimeout(() => void open(), again);
  }

  function close() {
    clearTimeout(timer);
    controller?.abort();
    controller = undefined;
  }

  function seen() {
    close();
    if (!document.hidden) void open();
  }

  document.addEventListener('visibilitychange', seen);
  void open();
  return {
    stop() {
      stopped = true;
      document.removeEventListener('visibilitychange', seen);
      close();
    },
  };
}
