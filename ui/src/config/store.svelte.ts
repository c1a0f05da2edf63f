/** The current configuration and changes to it: preview, apply, notify, undo. */
import type { Change, TimelineEntry } from '../api/client';
import { Resource } from '../api/resource.svelte';
import { notices } from '../notices.svelte';
import { session } from '../session.svelte';
import { t } from '../i18n.svelte';
import type { Config } from './shape';

export const config = new Resource<Config>(() => session.client.get<Config>('/config'));

/** A request that changes the configuration and supports `dry_run`. */
export interface ChangeRequest {
  method: 'PATCH' | 'POST';
  path: string;
  body: object;
}

export const patchRequest = (patch: object): ChangeRequest => ({
  method: 'PATCH',
  path: '/config',
  body: patch,
});

/** Removes Svelte's state proxies. */
function bare(body: object): object {
  return JSON.parse(JSON.stringify(body)) as object;
}

/** Applies the change and shows `what` as a notice. Throws if the engine refuses. */
export async function applyChange(request: ChangeRequest, what: string): Promise<void> {
  const done = await session.client.call<Change>(request.method, request.path, bare(request.body));
  notifyDone(what, done.change);
  await config.load();
}

/** Applies a merge patch, as [`applyChange`]. */
export const change = (patch: object, what: string): Promise<void> => applyChange(patchRequest(patch), what);

/** Shows a notice with undo; `number` is the change's id in the timeline. */
export function notifyDone(what: string, number: number | null | undefined): void {
  notices.show(what, number ? () => takeBack(number, what) : undefined);
}

/** Undoes a change. Throws if the engine refuses. */
export async function takeBack(number: number, what: string): Promise<void> {
  const made = await session.client.call<TimelineEntry>('POST', `/changes/${number}/undo`);
  notifyDone(t('change.undone', { what }), made.id);
  await config.load();
}

/** Dry run of a change. */
export function preview(request: ChangeRequest): Promise<Change> {
  return session.client.call<Change>(request.method, `${request.path}?dry_run=true`, bare(request.body));
}
