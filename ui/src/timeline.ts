/** Entries of the engine's timeline in the page's language. */
import type { Schema, TimelineEntry } from './api/client';
import { MATCH_KEYS } from './config/rule';
import { moment } from './localized';
import { hasMessage, t } from './i18n.svelte';

/** "domain_suffix a.test; port 443" with translated keys. */
function matched(text: string): string {
  const part = (each: string) => {
    const [key = '', ...rest] = each.split(' ');
    const known = MATCH_KEYS.find((name) => name === key);
    return known ? [t(`match.${known}`), ...rest].join(' ') : each;
  };
  return text.split('; ').map(part).join('; ');
}

/** Times of a pause or a range, as the reader writes them. */
function times(values: Record<string, string>): Record<string, string> {
  const known = Object.entries(values).filter(([, value]) => /^\d{4}-\d\d-\d\dT/.test(value));
  return Object.fromEntries(known.map(([name, value]) => [name, moment(Date.parse(value))]));
}

function sentence(what: Schema['ChangeItem']): string {
  const key = `changed.${what.kind}`;
  if (!hasMessage(key)) return what.text;
  const { use } = what.values;
  const way = use === 'block' || use === 'direct' ? t(`use.${use}`) : t('route.via', { name: use ?? '' });
  return t(key, {
    ...what.values,
    use: way,
    match: matched(what.values['match'] ?? ''),
    ...times(what.values),
  });
}

/** A timeline entry in one line. */
export function changeText(entry: TimelineEntry): string {
  const all = entry.what.map(sentence).join(' · ');
  return entry.undoes ? t('change.undone', { what: all }) : all;
}

const SOURCES = ['window', 'tray', 'cli', 'page', 'api', 'file', 'expiry'] as const;

/** Which client made a change. */
export function sourceName(source: string): string {
  const known = SOURCES.find((name) => name === source);
  return known ? t(`source.${known}`) : source;
}
