/** The ways out and their health, for whoever draws them. */
import type { Outlets } from './api/client';
import { Resource } from './api/resource.svelte';
import { session } from './session.svelte';

export const outlets = new Resource<Outlets>(() => session.client.get<Outlets>('/upstreams'));
export const OUTLETS_MS = 3000;
