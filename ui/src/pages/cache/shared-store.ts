/** The store that several machines share, as the page shows it. */
import type { Schema } from '../../api/client';

/** Not configured, in use, paused after a failure, or being connected to. */
export type SharedStoreState = 'off' | 'connected' | 'paused' | 'trying';

export function stateOf(redis: Schema['CacheRedis'] | null | undefined): SharedStoreState {
  if (!redis) return 'off';
  if (redis.connected) return 'connected';
  return redis.retry_ms == null ? 'trying' : 'paused';
}
