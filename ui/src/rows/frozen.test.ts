import { describe, expect, it } from 'vitest';
import type { Row } from '../api/client';
import { grouped, sorted } from './frozen';

const row = (id: number, part: Partial<Row>) =>
  ({
    id,
    app: null,
    host: 'h',
    route: 'direct',
    verdict: 'direct',
    up: 0,
    down: 0,
    up_speed: 0,
    down_speed: 0,
    ...part,
  }) as Row;
const ids = (rows: readonly Row[]) => rows.map(({ id }) => id);

describe('frozen rows', () => {
  const rows = [
    row(1, { app: 'curl', host: 'b', down: 5, age_ms: 10 }),
    row(2, { host: 'a', down: 9, age_ms: 30 }),
    row(3, { app: 'apt', host: 'a', down: 7, age_ms: 20 }),
  ];

  it('are sorted by a column either way, without a value last', () => {
    expect(ids(sorted(rows, '-down'))).toEqual([2, 3, 1]);
    expect(ids(sorted(rows, 'age'))).toEqual([1, 3, 2]);
    expect(ids(sorted(rows, 'app'))).toEqual([3, 1, 2]);
    expect(ids(sorted(rows, '-app'))).toEqual([1, 3, 2]);
  });

  it('are summed up by group, the largest first', () => {
    const groups = grouped(rows, 'domain');
    expect(groups.map(({ key, rows: count, down }) => [key, count, down])).toEqual([
      ['a', 2, 16],
      ['b', 1, 5],
    ]);
    expect(grouped(rows, 'app').map(({ key }) => key)).toEqual(['(unknown)', 'apt', 'curl']);
  });
});
