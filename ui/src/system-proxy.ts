/** The desktop's proxy: switched by the engine, shown as it was measured afterwards. */
import type { Schema } from './api/client';
import { notifyDone } from './config/store.svelte';
import { notices } from './notices.svelte';
import { session } from './session.svelte';
import { t } from './i18n.svelte';

async function put(wish: Schema['SystemProxyWish']): Promise<Schema['SystemProxy']> {
  const now = await session.client.call<Schema['SystemProxy']>('PUT', '/system-proxy', wish);
  if (session.status) session.status = { ...session.status, system_proxy: now };
  return now;
}

/** Whether there is a switch here at all. */
export function hasSwitch(): boolean {
  const state = session.status?.system_proxy?.state;
  return state === 'on' || state === 'off' || state === 'changed' || state === 'leftover';
}

/** On, or back to what was there before; the notice takes it back. */
export async function switchSystemProxy(enabled: boolean): Promise<void> {
  const now = await put({ enabled });
  notifyDone(enabled ? t('proxy.didOn') : t('proxy.didOff'), now.change);
}

/** Leaves the desktop as another program set it: the engine puts back nothing that is not its own. */
export async function keepForeign(): Promise<void> {
  await put({ enabled: false });
  notices.show(t('proxy.kept'));
}

/** Turns off a dead proxy that another program left behind. */
export async function repairLeftover(): Promise<void> {
  await put({ enabled: false, repair: true });
}
