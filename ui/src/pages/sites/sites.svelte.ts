/** The sites, and the load of their backends while the page is open. */
import type { Schema } from '../../api/client';
import { Resource } from '../../api/resource.svelte';
import { notices } from '../../notices.svelte';
import { session } from '../../session.svelte';
import { NO_HISTORY, type LoadHistory, withSample } from './load-history';

type Sites = Schema['Sites'];
type Backend = Schema['SiteBackend'];

/** Refresh interval while the page shows them. */
export const SITES_MS = 1000;

class Load {
  history = $state.raw<LoadHistory>(NO_HISTORY);

  record(sites: Sites) {
    this.history = withSample(this.history, sites, Date.now());
  }
}

export const load = new Load();

export const sites = new Resource<Sites>(async () => {
  const found = await session.client.get<Sites>('/sites');
  load.record(found);
  return found;
});

/** Changes a backend by hand and shows `what` as a notice that can undo it. */
export async function changeBackend(
  site: string,
  backend: Backend,
  update: Schema['BackendUpdate'],
  what: string,
): Promise<void> {
  const path = `/sites/${encodeURIComponent(site)}/backends/${backend.id}`;
  await session.client.call<Backend>('PATCH', path, update);
  const before: Schema['BackendUpdate'] = {
    ...(update.draining === undefined ? {} : { draining: backend.state === 'draining' }),
    ...(update.weight === undefined ? {} : { weight: backend.manual_weight ?? null }),
  };
  notices.show(what, async () => {
    await session.client.call('PATCH', path, before);
    await sites.load();
  });
  await sites.load();
}
