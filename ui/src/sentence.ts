/** The engine's state in one sentence: the same on Home and in the title bar. */
import { session } from './session.svelte';
import { clock, millis } from './say';
import { t } from './words.svelte';

/** Built-in modes by their word, others by their name. */
export function modeName(name: string): string {
  if (name === 'off') return t('mode.off');
  if (name === 'standard') return t('mode.standard');
  if (name === 'strict') return t('mode.strict');
  return name;
}

export function routeName(name: string): string {
  if (name === 'direct') return t('route.direct');
  if (name === 'none') return t('route.none');
  return t('route.via', { name });
}

export function stateSentence(): string {
  const status = session.status;
  if (session.phase === 'stranded' || (session.phase === 'lost' && session.stopped))
    return t('state.stopped');
  if (session.phase === 'lost') return t('state.lost');
  if (!status) return t('state.unknown');
  const { mode, route } = status;
  const parts = [
    mode.name === 'off' ? t('state.passing') : t('state.on'),
    modeName(mode.name),
    routeName(route.name),
  ];
  if (route.healthy === false) parts.push(t('state.down'));
  else if (route.latency_ms !== null && route.latency_ms !== undefined) parts.push(millis(route.latency_ms));
  if (mode.until_ms) parts.push(t('state.left', { time: clock(mode.until_ms - session.now) }));
  return parts.join(' · ');
}
