/** The current configuration and changes to it: preview, apply, notify, undo. */
import { CallError, type Change, type TimelineEntry } from '../api/client';
import { Resource } from '../api/resource.svelte';
import { notices } from '../notices.svelte';
import { session } from '../session.svelte';
import { t } from '../i18n.svelte';
import { isUnchanged } from './patch';
import type { Config } from './shape';

/** Version of each configuration that was read. */
const versions = new WeakMap<Config, string>();

async function read(): Promise<Config> {
  const { data, version } = await session.client.getVersioned<Config>('/config');
  if (version) versions.set(data, version);
  return data;
}

export const config = new Resource<Config>(read);

/** A request that changes the configuration and supports `dry_run`. */
export interface ChangeRequest {
  method: 'PATCH' | 'POST' | 'PUT';
  path: string;
  body: object;
  /** Version of what it changes. A patch of the configuration has that of `config.data`. */
  version?: string;
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
  const done = await (request.method === 'PATCH' ? patchConfig(request.body) : send(request));
  notifyDone(what, done.change);
  await config.load();
}

const send = ({ method, path, body, version }: ChangeRequest): Promise<Change> =>
  session.client.call<Change>(method, path, bare(body), version);

/**
 * Applies a merge patch to the configuration that it was made from. If another client changed another part meanwhile, it is
 * applied to the new configuration; if the same part, it is refused and the new configuration is shown.
 */
export async function patchConfig(patch: object): Promise<Change> {
  let from = config.data;
  for (;;) {
    const version = from && versions.get(from);
    try {
      return await send({ ...patchRequest(patch), ...(version ? { version } : {}) });
    } catch (error) {
      if (!from || !(error instanceof CallError && error.status === 412)) throw error;
      const now = await read();
      if (!isUnchanged(bare(patch), from, now)) {
        config.data = now;
        throw error;
      }
      from = now;
    }
  }
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
