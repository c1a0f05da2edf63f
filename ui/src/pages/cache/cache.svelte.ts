/** The cache's figures, and what can be done with it. */
import { type Schema, withQuery } from '../../api/client';
import { Resource } from '../../api/resource.svelte';
import { change } from '../../config/store.svelte';
import { count, share } from '../../localized';
import { notices } from '../../notices.svelte';
import { session } from '../../session.svelte';
import { t, type Key } from '../../i18n.svelte';
import { PERIODS, ratio, type Period } from './saved';

export type Entry = Schema['CacheEntry'];
export type CacheState = Schema['CacheState'];
type Purged = Schema['Purged'];

/** What a purge takes, by the API's parameter. */
export const SELECTIONS = ['url', 'prefix', 'host', 'site', 'tag'] as const;
export type Selection = (typeof SELECTIONS)[number];

class CacheView {
  period = $state<Period>('day');
  /** Figures without entries; days by the reader's calendar. */
  readonly figures = new Resource<CacheState>(() =>
    session.client.get('/cache', {
      limit: 0,
      days: PERIODS[this.period],
      utc_offset: -new Date().getTimezoneOffset(),
    }),
  );
  /** Counts up when the entries changed by a command of this page. */
  changed = $state(0);

  private done() {
    this.changed += 1;
    void this.figures.load();
  }

  /** Purges; a soft purge keeps the responses until the server was asked, and can be undone. */
  async purge(selection: Selection, value: string, soft: boolean): Promise<void> {
    const path = withQuery('/cache', { [selection]: value, soft: soft || undefined });
    // An empty prefix takes all; `withQuery` leaves out what is empty.
    const all = selection === 'prefix' && value === '';
    const whole = all ? `${path}${path.includes('?') ? '&' : '?'}prefix=` : path;
    const purged = await session.client.call<Purged>('DELETE', whole);
    const what = t(soft ? 'cache.invalidated' : 'cache.removed', { count: purged.count });
    const { undo } = purged;
    notices.show(what, typeof undo === 'number' ? () => this.undo(undo) : undefined);
    this.done();
  }

  private async undo(purge: number): Promise<void> {
    const restored = await session.client.call<Purged>('POST', '/cache/undo', { purge });
    notices.show(t('cache.restored', { count: restored.count }));
    this.done();
  }

  async pin(url: string, pinned: boolean): Promise<void> {
    await session.client.call('POST', '/cache/pin', { url, pinned });
    notices.show(t(pinned ? 'cache.pinned' : 'cache.unpinned'), () => this.pin(url, !pinned));
    this.done();
  }

  /** Switches the proxy's cache. */
  async turn(enabled: boolean): Promise<void> {
    await change({ cache: { enabled } }, t(enabled ? 'cache.turnedOn' : 'cache.turnedOff'));
    await this.figures.load();
  }
}

export const cache = new CacheView();

/** The hit ratio: "75 %". */
export const percent = (of: { requests: number; hits: number }): string => {
  const part = ratio(of);
  return part === undefined ? '–' : share(part);
};

/** "1,204 responses · 48 MiB". */
export const stored = (state: CacheState, bytes: (n: number) => string): string => {
  const both = [state.forward, state.sites].filter((one) => one != null);
  const entries = both.reduce((all, one) => all + one.entries, 0);
  const memory = both.reduce((all, one) => all + one.memory + (one.disk?.bytes ?? 0), 0);
  return t('cache.figure', { count: entries, entries: count(entries), size: bytes(memory) });
};

/** Sentences of the engine about why it asks the server first, with their messages. */
const REASONS: Record<string, Key> = {
  'Its lifetime is over.': 'cacheWhy.expired',
  'Its lifetime, derived from Last-Modified, is over.': 'cacheWhy.heuristic',
  'Its lifetime is over, and it says must-revalidate.': 'cacheWhy.mustRevalidate',
  'The response says no-cache.': 'cacheWhy.noCache',
  'It was invalidated.': 'cacheWhy.invalidated',
};

/** Why the server is asked before the next use, in the page's language where the reason is known. */
export function whyAsked({ why }: Pick<Entry, 'why'>): string {
  const key = why ? REASONS[why] : undefined;
  return key ? t(key) : (why ?? '');
}
