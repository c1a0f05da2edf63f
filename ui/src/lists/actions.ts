/** Actions on the versions of a list, with undo where there is an opposite. */
import type { List } from '../api/client';
import { notices } from '../notices.svelte';
import { session } from '../session.svelte';
import { t } from '../i18n.svelte';

export type Act = 'accept' | 'keep' | 'rollback' | 'resume';

const OPPOSITE: Partial<Record<Act, Act>> = { accept: 'rollback', rollback: 'resume' };

/** Returns the updated list. Throws if the engine refuses. */
export async function act(name: string, what: Act): Promise<List> {
  const path = `/lists/${encodeURIComponent(name)}/${what}`;
  const list = await session.client.call<List>('POST', path);
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
