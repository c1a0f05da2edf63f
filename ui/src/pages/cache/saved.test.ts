import { expect, test } from 'vitest';
import { bars, ratio, sum, type Saved } from './saved';

const NOW = new Date(2026, 10, 30, 12, 34).getTime();
const HOUR = 3_600_000;
const saved: Saved = {
  total: { requests: 0, hits: 0, bytes: 0, time_ms: 0 },
  days: [
    { day: '2026-11-24', requests: 10, hits: 5, bytes: 1000, time_ms: 20 },
    { day: '2026-11-30', requests: 4, hits: 3, bytes: 300, time_ms: 5 },
  ],
  hours: [{ start: Math.floor(NOW / HOUR) * HOUR - 2 * HOUR, requests: 4, hits: 3 }],
  by_site: [],
  by_program: [],
};

test('a day has 24 hours, with gaps as empty ones', () => {
  const all = bars(saved, 'day', NOW);
  expect(all).toHaveLength(24);
  expect(all[21]).toMatchObject({ requests: 4, hits: 3 });
  expect(all[23]).toMatchObject({ requests: 0, hits: 0 });
  expect(all[23]?.start).toBe(Math.floor(NOW / HOUR) * HOUR);
});

test('a week has seven days of the local calendar, today last', () => {
  const all = bars(saved, 'week', NOW);
  expect(all.map((bar) => bar.requests)).toEqual([10, 0, 0, 0, 0, 0, 4]);
  expect(all[6]?.start).toBe(new Date(2026, 10, 30).getTime());
  expect(bars(saved, 'month', NOW)).toHaveLength(30);
});

test('sums and the hit ratio, which nothing has where nothing was asked for', () => {
  expect(sum(saved.days)).toEqual({ requests: 14, hits: 8, bytes: 1300, time_ms: 25 });
  expect(ratio({ requests: 4, hits: 3 })).toBe(0.75);
  expect(ratio({ requests: 0, hits: 0 })).toBeUndefined();
});
