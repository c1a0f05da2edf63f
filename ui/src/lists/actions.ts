/** Actions on the versions of a list, with undo where there is an opposite. */
import type { List, Schema } from '../api/client';
import { isOutdated } from '../config/store.svelte';
import { notices } from '../notices.svelte';
import { session } from '../session.svelte';
import { t } from '../i18n.svelte';

export type Act = 'accept' | 'keep' | 'rollback' | 'resume';

const OPPOSITE: Partial<Record<Act, Act>> = { accept: 'rollback', rollback: 'resume' };

let read: { lists: Schema['Lists']; version: string | undefined } | undefined;

/** The lists; actions are chosen for the version that was read last. */
export async function readLists(): Promise<Schema['Lists']> {
  const { data, version } = await session.client.getVersioned<Schema['Lists']>('/lists');
  read = { lists: data, version };
  return data;
}

/** What a decision on a list's versions is about. */
function subject(name: string): string {
  const list = read?.lists.lists.find((one) => one.name === name);
  return JSON.stringify([list?.source, list?.held, list?.versions]);
}

/** Acts on the list that was seen: after a change of another client again, if that did not concern it. */
async function send(name: string, what: Act): Promise<List> {
  const path = `/lists/${encodeURIComponent(name)}/${what}`;
  if (!read) await readLists();
  try {
    return await session.client.call<List>('POST', path, undefined, read?.version);
  } catch (error) {
    const seen = subject(name);
    if (!isOutdated(error)) throw error;
    await readLists();
    if (subject(name) !== seen) throw error;
    const list = await session.client.call<List>('POST', path, undefined, read?.version);
    notices.show(t('change.merged'));
    return list;
  }
}

/** Returns the updated list. Throws if the engine refuses. */
export async function act(name: string, what: Act): Promise<List> {
  const list = await send(name, what);
  const back = OPPOSITE[what];
  notices.show(t(`listDid.${what}`, { name }), back && (() => act(name, back).then(() => undefined)));
  return list;
}

/** Effect of a held update in one sentence. */
export function heldUpdateText(held: NonNullable<List['held']>): string {
  const [first] = held.sites;
  // It has lost more than half of its entries.
  if (!first) return held.text;
  const more = held.sites.length - 1;
  const site = t('lists.site', { host: first.host, count: first.connections });
  return more > 0 ? `${site} ${t('lists.sites', { count: more })}` : site;
}
