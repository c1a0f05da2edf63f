/** Time ranges and the buckets in which they are drawn. Pure. */
export const SPANS = {
  hour: { ms: 3_600_000, step: 60 },
  day: { ms: 86_400_000, step: 1800 },
  week: { ms: 7 * 86_400_000, step: 4 * 3600 },
  month: { ms: 30 * 86_400_000, step: 86_400 },
} as const;
export type SpanName = keyof typeof SPANS;

export interface Bar {
  start: number;
  up: number;
  down: number;
}

interface Moved {
  start: number;
  up: number;
  down: number;
}

/** One bar for each bucket from `from` to `to`, empty ones included; rows of one bucket are summed. */
export function bars(rows: readonly Moved[], from: number, to: number, stepMs: number): Bar[] {
  const first = Math.floor(from / stepMs) * stepMs;
  const length = Math.max(1, Math.ceil((to - first) / stepMs));
  const all = Array.from({ length }, (_, at): Bar => ({ start: first + at * stepMs, up: 0, down: 0 }));
  for (const row of rows) {
    const bar = all[Math.floor((row.start - first) / stepMs)];
    if (!bar) continue;
    bar.up += row.up;
    bar.down += row.down;
  }
  return all;
}
