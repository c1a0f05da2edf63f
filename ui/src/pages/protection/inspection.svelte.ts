/** HTTPS inspection: state, and what can be done. */
import { type Schema, withQuery } from '../../api/client';
import { Resource } from '../../api/resource.svelte';
import { change } from '../../config/store.svelte';
import { notices } from '../../notices.svelte';
import { session } from '../../session.svelte';
import { t } from '../../i18n.svelte';

export type Inspection = Schema['Inspection'];
export type TrustStore = Schema['TrustStore'];
export type Exception = Schema['InspectionException'];

export const inspection = new Resource<Inspection>(() => session.client.get('/inspect'));

export async function makeAuthority(): Promise<void> {
  inspection.data = await session.client.call<Inspection>('POST', '/inspect/ca');
  notices.show(t('inspect.made'));
}

/** Adds the authority to stores, or removes it; without `ids` in all that can be changed. */
export async function trust(trusted: boolean, ids?: string[]): Promise<void> {
  const body = { trusted, ...(ids ? { stores: ids } : {}) };
  const { stores } = await session.client.call<Schema['TrustStores']>('PUT', '/inspect/trust', body);
  const failed = stores.filter((store) => store.problem && (!ids || ids.includes(store.id)));
  await inspection.load();
  const [first] = failed;
  if (first) throw new Error(`${first.name}: ${first.problem}`);
  notices.show(t(trusted ? 'inspect.trusted' : 'inspect.untrusted'), () => trust(!trusted, ids));
}

/** Ends exceptions that were found out; they come back by themselves where they are still needed. */
export async function endException({ host, app }: Exception): Promise<void> {
  await session.client.call('DELETE', withQuery('/inspect/exceptions', { host, app }));
  notices.show(t('inspect.ended', { host }));
  await inspection.load();
}

type List = 'hosts' | 'except';

/** `make` is applied to the list as it is then: another client may have changed it. */
export async function putHosts(list: List, make: (hosts: string[]) => string[], what: string): Promise<void> {
  await change((from) => ({ inspect: { [list]: make(from.inspect[list]) } }), what);
  await inspection.load();
}

export async function turn(enabled: boolean): Promise<void> {
  await change({ inspect: { enabled } }, t(enabled ? 'inspect.turnedOn' : 'inspect.turnedOff'));
  await inspection.load();
}
