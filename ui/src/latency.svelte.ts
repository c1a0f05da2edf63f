/** Latency history of each upstream while the page is open. The engine reports only the latest value. */
import type { Outbounds } from './api/client';

/** Samples kept for each upstream. */
export const MAX_SAMPLES = 60;
const MAX_UPSTREAMS = 500;

class Latencies {
  private byName = $state.raw(new Map<string, readonly (number | undefined)[]>());

  of(name: string): readonly (number | undefined)[] {
    return this.byName.get(name) ?? [];
  }

  record({ upstreams }: Outbounds) {
    const next = upstreams.slice(0, MAX_UPSTREAMS).map(({ name, state, latency_ms }) => {
      const ms = state === 'down' ? undefined : (latency_ms ?? undefined);
      return [name, [...this.of(name), ms].slice(-MAX_SAMPLES)] as const;
    });
    this.byName = new Map(next);
  }
}

export const latencies = new Latencies();
