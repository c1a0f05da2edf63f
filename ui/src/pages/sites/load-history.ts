/** Requests a second of each backend, worked out from the counts of successive answers. Pure. */
import type { Schema } from '../../api/client';

/** Samples kept for each backend. */
export const MAX_SAMPLES = 60;

interface BackendLoad {
  requests: number;
  /** Requests a second, oldest first. */
  rates: readonly number[];
}

/** The load of all backends by their id. `at`: when it was read, in milliseconds. */
export interface LoadHistory {
  at: number;
  backends: ReadonlyMap<string, BackendLoad>;
}

export const NO_HISTORY: LoadHistory = { at: 0, backends: new Map() };

/** The history with one more answer. A count that fell is of an engine that started again. */
export function withSample(history: LoadHistory, sites: Schema['Sites'], at: number): LoadHistory {
  const seconds = (at - history.at) / 1000;
  const all = sites.sites.flatMap((site) => site.routes.flatMap((route) => route.backends));
  const backends = all.map(({ id, requests }) => {
    const before = history.backends.get(id);
    const known = before !== undefined && seconds > 0 && requests >= before.requests;
    const rates = known ? [...before.rates, (requests - before.requests) / seconds] : [];
    return [id, { requests, rates: rates.slice(-MAX_SAMPLES) }] as const;
  });
  return { at, backends: new Map(backends) };
}

/** The newest rate; `undefined`: not measured yet. */
export const rateOf = (history: LoadHistory, id: string): number | undefined =>
  history.backends.get(id)?.rates.at(-1);
