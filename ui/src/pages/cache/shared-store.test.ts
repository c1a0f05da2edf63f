import { expect, test } from 'vitest';
import { stateOf } from './shared-store';

const redis = {
  address: 'tcp:127.0.0.1:6379',
  connected: false,
  hits: 0,
  misses: 0,
  skipped: 0,
  refused: 0,
  written: 0,
  dropped: 0,
  failures: 0,
  pending_purges: 0,
};

test('a store between machines is off, connected, left alone or being connected to', () => {
  expect(stateOf(null)).toBe('off');
  expect(stateOf(undefined)).toBe('off');
  expect(stateOf({ ...redis, connected: true })).toBe('connected');
  expect(stateOf({ ...redis, retry_ms: 1_900_000_000_000 })).toBe('paused');
  expect(stateOf({ ...redis, problem: 'it is not connected yet' })).toBe('trying');
});
