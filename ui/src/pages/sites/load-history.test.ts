import { describe, expect, it } from 'vitest';
import type { Schema } from '../../api/client';
import { MAX_SAMPLES, NO_HISTORY, rateOf, withSample } from './load-history';

const sites = (requests: number) =>
  ({ sites: [{ routes: [{ backends: [{ id: 'a', requests }] }] }] }) as unknown as Schema['Sites'];

describe('the load of a backend', () => {
  it('is the difference of two counts by the time between them', () => {
    const first = withSample(NO_HISTORY, sites(100), 1000);
    expect(rateOf(first, 'a')).toBeUndefined();
    const second = withSample(first, sites(150), 3000);
    expect(rateOf(second, 'a')).toBe(25);
    expect(rateOf(second, 'b')).toBeUndefined();
  });

  it('starts anew where the engine did, and is bounded', () => {
    let history = withSample(withSample(NO_HISTORY, sites(100), 1000), sites(200), 2000);
    history = withSample(history, sites(3), 3000);
    expect(rateOf(history, 'a')).toBeUndefined();
    for (let at = 0; at < 2 * MAX_SAMPLES; at += 1) {
      history = withSample(history, sites(3 + at), 4000 + at * 1000);
    }
    expect(history.backends.get('a')?.rates.length).toBe(MAX_SAMPLES);
  });
});
