/** Transport of API calls and events: HTTP with a token in a browser, Tauri commands in the window. */
import type { ServerEvent } from './events';

export interface Answer {
  status: number;
  text: string;
  /** Version of what was read (`ETag`). */
  version?: string | undefined;
}

export interface Transport {
  /** Sends a request with a JSON body or none, and `version` as `If-Match`. Throws if there is no response. */
  send(method: string, path: string, body?: string, version?: string): Promise<Answer>;
  /**
   * Passes events on until the stream ends or `signal` ends it. `opened` is called once it is open; a response that
   * is no stream is returned instead.
   */
  events(
    path: string,
    signal: AbortSignal,
    opened: () => void,
    take: (event: ServerEvent) => void,
  ): Promise<Answer | undefined>;
}
