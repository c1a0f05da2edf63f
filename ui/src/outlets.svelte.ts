/** The ways out and their health, for whoever draws them. */
import type { Outlets } from './api/client';
import { Resource } from './api/resource.svelte';
import { latencies } from './latency.svelte';
import { session } from './session.svelte';

export const outlets = new Resource<Outlets>(async () => {
  const found = await session.client.get<Outlets>('/upstreams');
  latencies.take(found);
  return found;
});
export const OUTLETS_MS = 3000;
