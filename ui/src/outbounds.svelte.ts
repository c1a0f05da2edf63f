/** Upstreams and groups with their health. */
import type { Outbounds } from './api/client';
import { shell } from './api/shell';
import { Resource } from './api/resource.svelte';
import { latencies } from './latency.svelte';
import { session } from './session.svelte';

export const outbounds = new Resource<Outbounds>(async () => {
  const found = await session.client.get<Outbounds>('/upstreams');
  latencies.record(found);
  return found;
}, shell?.first?.upstreams);
/** Refresh interval while a page shows them. */
export const OUTBOUNDS_MS = 3000;
