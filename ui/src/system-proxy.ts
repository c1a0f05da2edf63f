/** System proxy actions; the engine switches it and reports the measured state. */
import type { Schema } from './api/client';
import { notifyDone } from './config/store.svelte';
import { notices } from './notices.svelte';
import { session } from './session.svelte';
import { t } from './i18n.svelte';

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

/** Turns it on, or restores the previous settings; the notice offers undo. */
export async function switchSystemProxy(enabled: boolean): Promise<void> {
  const now = await put({ enabled });
  notifyDone(enabled ? t('proxy.didOn') : t('proxy.didOff'), now.change);
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
