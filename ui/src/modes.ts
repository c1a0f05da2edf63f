/** Mode switch and pauses. */
import type { Schema } from './api/client';
import { notifyDone } from './config/store.svelte';
import { modeName } from './state-text';
import { session } from './session.svelte';
import { t } from './i18n.svelte';

export const PAUSES = ['5m', '15m', '1h'] as const;
export type Pause = (typeof PAUSES)[number];

/** Switches the mode, permanently or for a while; the notice offers undo. */
export async function setMode(mode: string, pause?: Pause): Promise<void> {
  const request = pause ? { mode, for: pause } : { mode };
  const now = await session.client.call<Schema['Mode']>('PUT', '/mode', request);
  if (session.status) session.status = { ...session.status, mode: now };
  const name = modeName(mode);
  const text = pause ? t('mode.pausedFor', { name, time: t(`pause.${pause}`) }) : t('mode.now', { name });
  notifyDone(text, now.change);
}
