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
  /** For what stays right whatever another client changed: reads the version again. */
  reread?: () => Promise<string | undefined>;
}

/** A merge patch, made from the configuration where it changes a part of a list. */
export type Patch = object | ((from: Config) => object);

/** Another client changed it since it was read. */
export const isOutdated = (error: unknown): boolean => error instanceof CallError && error.status === 412;

/** Changes are made again as often as other clients are faster, at most this often. */
const ATTEMPTS = 5;

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
  const done = await (request.method === 'PATCH' ? patchConfig(request.body) : sendAgain(request));
  notifyDone(what, done.change);
  await config.load();
}

/** Sends a request; with `reread` also after another client was faster, and says so. */
async function sendAgain(request: ChangeRequest): Promise<Change> {
  try {
    return await send(request);
  } catch (error) {
    if (!request.reread || !isOutdated(error)) throw error;
    const version = await request.reread();
    const done = await send({ ...request, ...(version ? { version } : {}) });
    notices.show(t('change.merged'));
    return done;
  }
}

const send = ({ method, path, body, version }: ChangeRequest): Promise<Change> =>
  session.client.call<Change>(method, path, bare(body), version);

/**
 * Applies a merge patch to the configuration that it was made from. If another client changed something meanwhile, a patch
 * that is made from the configuration is made anew. Another is applied if it replaces nothing that was changed; else it is
 * refused and the new configuration is shown.
 */
export async function patchConfig(patch: Patch): Promise<Change> {
  let from = config.data ?? (await read());
  for (let attempt = 1; ; attempt++) {
    const version = versions.get(from);
    const body = bare(typeof patch === 'function' ? patch(from) : patch);
    try {
      const done = await send({ ...patchRequest(body), ...(version ? { version } : {}) });
      if (attempt > 1 && typeof patch === 'function') notices.show(t('change.merged'));
      return done;
    } catch (error) {
      if (!isOutdated(error) || attempt >= ATTEMPTS) throw error;
      const now = await read();
      if (typeof patch !== 'function' && !isUnchanged(body, from, now)) {
        config.data = now;
        throw error;
      }
      from = now;
    }
  }
}

/** Applies a merge patch, as [`applyChange`]. */
export async function change(patch: Patch, what: string): Promise<void> {
  const done = await patchConfig(patch);
  notifyDone(what, done.change);
  await config.load();
}

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
