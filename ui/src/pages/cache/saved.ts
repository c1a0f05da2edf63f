/** What the cache saved, over time. Pure. */

import type { Schema } from '../../api/client';

export type Savings = Schema['SavedFigures'];
export type Saved = Schema['CacheSavings'];

/** The periods that can be chosen, with their days. */
export const PERIODS = { day: 1, week: 7, month: 30 } as const;
export type Period = keyof typeof PERIODS;

const HOUR_MS = 3_600_000;
const HOURS = 24;

export interface Bar {
  /** Milliseconds since 1970. */
  start: number;
  requests: number;
  hits: number;
}

/** Hits by requests, from 0 to 1; `undefined` where nothing was asked for. */
export const ratio = (of: { requests: number; hits: number }): number | undefined =>
  of.requests > 0 ? of.hits / of.requests : undefined;

/** The sums of several rows. */
export function sum(rows: readonly Savings[]): Savings {
  const all = { requests: 0, hits: 0, bytes: 0, time_ms: 0 };
  for (const row of rows) {
    all.requests += row.requests;
    all.hits += row.hits;
    all.bytes += row.bytes;
    all.time_ms += row.time_ms;
  }
  return all;
}

/** One bar for each hour of a day, or each day of a longer period, up to `now`; gaps are empty bars. */
export function bars(saved: Saved, period: Period, now: number): Bar[] {
  if (period === 'day') {
    const last = Math.floor(now / HOUR_MS) * HOUR_MS;
    const known = new Map(saved.hours.map((hour) => [hour.start, hour]));
    return Array.from({ length: HOURS }, (_, at) => {
      const start = last - (HOURS - 1 - at) * HOUR_MS;
      return { start, requests: 0, hits: 0, ...known.get(start) };
    });
  }
  const known = new Map(saved.days.map((day) => [day.day, day]));
  return Array.from({ length: PERIODS[period] }, (_, at) => {
    const date = new Date(now);
    date.setHours(0, 0, 0, 0);
    date.setDate(date.getDate() - (PERIODS[period] - 1 - at));
    const { requests = 0, hits = 0 } = known.get(isoDay(date)) ?? {};
    return { start: date.getTime(), requests, hits };
  });
}

/** "2026-11-30", by the local calendar. */
function isoDay(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
