/** The engine's state as one line for Home and the title bar. The tray shows the same (crates/tray). */
import { session } from './session.svelte';
import { clock, millis } from './localized';
import { t } from './i18n.svelte';

/** Built-in modes are translated, others keep their name. */
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

export function stateText(): string {
  const status = session.status;
  if (session.phase === 'attach-failed' || (session.phase === 'lost' && session.stopped))
    return t('state.stopped');
  if (session.phase === 'lost') return t('state.lost');
  if (!status) return t('state.unknown');
  const { mode, route } = status;
  const until = mode.until_ms ? clock(mode.until_ms - session.now) : '';
  const then = mode.then && until ? t('state.then', { mode: modeName(mode.then), time: until }) : '';
  if (mode.name === 'off' && then) return [t('state.paused'), then].join(' · ');
  const parts = [
    mode.name === 'off' ? t('state.passing') : t('state.on'),
    modeName(mode.name),
    routeName(route.name),
  ];
  if (route.healthy === false) parts.push(t('state.down'));
  else if (route.latency_ms !== null && route.latency_ms !== undefined) parts.push(millis(route.latency_ms));
  if (then) parts.push(then);
  return parts.join(' · ');
}
