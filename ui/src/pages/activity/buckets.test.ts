import { describe, expect, it } from 'vitest';
import { bars } from './buckets';

describe('usage over time', () => {
  it('has a bar for each step, empty ones too', () => {
    const rows = [
      { start: 60, up: 1, down: 2 },
      { start: 60, up: 3, down: 4 },
      { start: 500, up: 9, down: 9 },
    ];
    expect(bars(rows, 5, 180, 60)).toEqual([
      { start: 0, up: 0, down: 0 },
      { start: 60, up: 4, down: 6 },
      { start: 120, up: 0, down: 0 },
    ]);
  });
});
