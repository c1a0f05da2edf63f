/** The store that several machines share, as the page shows it. */
import type { Schema } from '../../api/client';

/** Not configured, asked by requests, left alone for a while, or being connected to. */
export type MachinesState = 'off' | 'connected' | 'paused' | 'trying';

export function stateOf(redis: Schema['CacheRedis'] | null | undefined): MachinesState {
  if (!redis) return 'off';
  if (redis.connected) return 'connected';
  return redis.retry_ms == null ? 'trying' : 'paused';
}
