/** What each look at the upstreams found, kept while the page is open: the engine keeps the last one alone. */
import type { Outlets } from './api/client';

/** Looks that are kept for each. */
export const LOOKS = 60;
/** Upstreams that are followed. */
const MOST = 500;

class Latencies {
  private byName = $state.raw(new Map<string, readonly (number | undefined)[]>());

  of(name: string): readonly (number | undefined)[] {
    return this.byName.get(name) ?? [];
  }

  take({ upstreams }: Outlets) {
    const next = upstreams.slice(0, MOST).map(({ name, state, latency_ms }) => {
      const ms = state === 'down' ? undefined : (latency_ms ?? undefined);
      return [name, [...this.of(name), ms].slice(-LOOKS)] as const;
    });
    this.byName = new Map(next);
  }
}

export const latencies = new Latencies();
