/** The configuration in force, and changes of it: each is tried first if asked, done, said, and can be taken back. */
import type { Change } from '../api/client';
import { Resource } from '../api/resource.svelte';
import { notices } from '../notices.svelte';
import { session } from '../session.svelte';
import { t } from '../words.svelte';
import { inverse, type Patch } from './patch';
import type { Config } from './shape';

export const config = new Resource<Config>(() => session.client.get<Config>('/config'));

/** One change made in this window. */
export interface Made {
  at: number;
  what: string;
  undo: Patch;
  undone: boolean;
}

class History {
  list = $state<Made[]>([]);
}

export const made = new History();
const KEPT_CHANGES = 100;

/** Plain data: the page's own proxies are not sent. */
function bare(patch: object): Patch {
  return JSON.parse(JSON.stringify(patch)) as Patch;
}

/** Changes the file; `what` says it in one short sentence. Throws where the engine refuses. */
export async function change(patch: object, what: string): Promise<void> {
  const before = await session.client.get<Config>('/config');
  const undo = inverse(before as unknown as Patch, bare(patch));
  await session.client.call<Change>('PATCH', '/config', bare(patch));
  made.list = [{ at: Date.now(), what, undo, undone: false }, ...made.list].slice(0, KEPT_CHANGES);
  const entry = made.list[0];
  if (entry) notices.say(what, () => takeBack(entry));
  await config.load();
}

export async function takeBack(entry: Made): Promise<void> {
  await session.client.call<Change>('PATCH', '/config', entry.undo);
  entry.undone = true;
  notices.say(t('change.undone', { what: entry.what }));
  await config.load();
}

/** What the change would do, without doing it. */
export function preview(patch: object): Promise<Change> {
  return session.client.call<Change>('PATCH', '/config?dry_run=true', bare(patch));
}
