/** The system proxy switch; the engine sets it and reports the measured state. */
import type { Schema } from './api/client';
import { change, config, notifyDone } from './config/store.svelte';
import { notices } from './notices.svelte';
import { session } from './session.svelte';
import { t } from './i18n.svelte';

type FoundProxy = Schema['FoundProxy'];

/** Kinds of settings that are lost when Privet takes their place. */
const FOREIGN = ['proxy', 'pac', 'elsewhere'] as const;
export type ForeignKind = (typeof FOREIGN)[number];

async function put(request: Schema['SystemProxyRequest']): Promise<Schema['SystemProxy']> {
  const now = await session.client.call<Schema['SystemProxy']>('PUT', '/system-proxy', request);
  if (session.status) session.status = { ...session.status, system_proxy: now };
  return now;
}

/** Whether the engine can switch the system proxy. */
export function hasSwitch(): boolean {
  const state = session.status?.system_proxy?.state;
  return state === 'on' || state === 'off' || state === 'changed' || state === 'leftover';
}

class SystemProxySwitch {
  /** Somebody else's proxy that would be replaced; Home asks what to do with it. */
  replaced = $state.raw<(FoundProxy & { kind: ForeignKind }) | undefined>();

  /** Turns it on, unless that would replace a proxy that is not an upstream: then sets `replaced`. */
  async turnOn(): Promise<void> {
    this.replaced = await foreignProxy();
    if (!this.replaced) await this.replace();
  }

  /** Turns it on; the notice offers undo. */
  async replace(): Promise<void> {
    const now = await put({ enabled: true });
    this.replaced = undefined;
    notifyDone(t('proxy.didOn'), now.change);
  }

  /** Adds the replaced proxy as an upstream, makes it the route of a mode that goes direct, and turns the switch on. */
  async replaceAndUse(upstream: Schema['FoundUpstream']): Promise<void> {
    await config.load();
    const mode = session.status?.mode.name ?? '';
    const isDirect = mode !== 'off' && config.data?.modes[mode]?.route === 'direct';
    const patch = {
      upstream: [...(config.data?.upstream ?? []), upstream],
      ...(isDirect ? { modes: { [mode]: { route: upstream.name } } } : {}),
    };
    await change(patch, t('routes.added', { name: upstream.name }));
    await this.replace();
  }

  /** Restores the previous settings; the notice offers undo. */
  async turnOff(): Promise<void> {
    const now = await put({ enabled: false });
    notifyDone(t('proxy.didOff'), now.change);
  }
}

export const systemProxy = new SystemProxySwitch();

async function foreignProxy(): Promise<(FoundProxy & { kind: ForeignKind }) | undefined> {
  const [{ found }] = await Promise.all([
    session.client.get<Schema['FirstRun']>('/first-run'),
    config.load(),
  ]);
  const kind = FOREIGN.find((one) => one === found.kind);
  const isUpstream = found.upstreams.some(({ url }) =>
    config.data?.upstream.some((upstream) => upstream.url === url),
  );
  return kind && !isUpstream ? { ...found, kind } : undefined;
}

/** Keeps the settings of the other program: the engine restores only its own changes. */
export async function keepForeign(): Promise<void> {
  await put({ enabled: false });
  notices.show(t('proxy.kept'));
}

/** Turns off a dead proxy that another program left behind. */
export async function repairLeftover(): Promise<void> {
  await put({ enabled: false, repair: true });
}
