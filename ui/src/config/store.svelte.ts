/** The configuration in force, and changes of it: each is tried first if asked, done, said, and can be taken back. */
import type { Change, TimelineEntry } from '../api/client';
import { Resource } from '../api/resource.svelte';
import { notices } from '../notices.svelte';
import { session } from '../session.svelte';
import { t } from '../i18n.svelte';
import type { Config } from './shape';

export const config = new Resource<Config>(() => session.client.get<Config>('/config'));

/** What is asked of the engine: a call that takes `dry_run`. */
export interface Wish {
  method: 'PATCH' | 'POST';
  path: string;
  body: object;
}

export const patchRequest = (patch: object): Wish => ({ method: 'PATCH', path: '/config', body: patch });

/** Plain data: the page's own proxies are not sent. */
function bare(body: object): object {
  return JSON.parse(JSON.stringify(body)) as object;
}

/** Does it; `what` says it in one short sentence. Throws where the engine refuses. */
export async function applyChange(wish: Wish, what: string): Promise<void> {
  const done = await session.client.call<Change>(wish.method, wish.path, bare(wish.body));
  notifyDone(what, done.change);
  await config.load();
}

/** Changes the file, as [`applyChange`]. */
export const change = (patch: object, what: string): Promise<void> => applyChange(patchRequest(patch), what);

/** Says what was done; its number in the engine's timeline takes it back. */
export function notifyDone(what: string, number: number | null | undefined): void {
  notices.show(what, number ? () => takeBack(number, what) : undefined);
}

/** Takes a change back. Throws with what is in the way. */
export async function takeBack(number: number, what: string): Promise<void> {
  const made = await session.client.call<TimelineEntry>('POST', `/changes/${number}/undo`);
  notifyDone(t('change.undone', { what }), made.id);
  await config.load();
}

/** What it would do, without doing it. */
export function preview(wish: Wish): Promise<Change> {
  return session.client.call<Change>(wish.method, `${wish.path}?dry_run=true`, bare(wish.body));
}
