/** Text of a request's cells, and the request as one sentence. */
import type { RequestRow } from '../../api/client';
import { bytes, count, millis, moment } from '../../localized';
import type { RequestColumn } from '../../rows/columns.svelte';
import type { Cell } from '../../rows/table-view.svelte';
import { t } from '../../i18n.svelte';

/** What the engine puts in place of a query. */
export const REDACTED_QUERY = '?…';

/** The status, or that none came. */
export const statusText = (row: RequestRow) => row.status?.toString() ?? t('requests.noStatus');

export const statusKind = (row: RequestRow) =>
  row.status === null || row.status === undefined || row.status >= 500 ? 'failed' : undefined;

const CACHE_WORDS = ['hit', 'stale', 'revalidated', 'miss', 'bypass'] as const;

/** What the cache did, in the page's language; `undefined`: there is no cache for the request. */
export function cacheText({ cache }: Pick<RequestRow, 'cache'>): string | undefined {
  const known = CACHE_WORDS.find((word) => word === cache);
  return known ? t(`cacheDid.${known}`) : (cache ?? undefined);
}

const SCAN_WORDS = {
  clean: 'scanDid.clean',
  bad: 'scanDid.bad',
  error: 'scanDid.error',
  oversize: 'scanDid.oversize',
  'bad passed': 'scanDid.badPassed',
  'error passed': 'scanDid.errorPassed',
  'oversize passed': 'scanDid.oversizePassed',
  'unscannable passed': 'scanDid.unscannablePassed',
  'stream passed': 'scanDid.streamPassed',
} as const;

/** What the scan found, in the page's language; `undefined`: nothing was scanned. */
export function scanText({ scan }: Pick<RequestRow, 'scan'>): string | undefined {
  if (scan == null) return undefined;
  return scan in SCAN_WORDS ? t(SCAN_WORDS[scan as keyof typeof SCAN_WORDS]) : scan;
}

/** Without scheme and host. */
export function pathOf(url: string): string {
  const path = url.replace(/^\w+:\/\/[^/?]*/, '');
  return path.startsWith('/') ? path : `/${path}`;
}

export function requestCell(row: RequestRow, column: RequestColumn): Cell {
  switch (column) {
    case 'url':
      return { text: row.url, kind: 'mono', ltr: true, title: () => row.error ?? row.url };
    case 'method':
      return { text: row.method, kind: 'mono', ltr: true };
    case 'started':
      return { text: moment(row.started) };
    case 'status':
      return { text: statusText(row), kind: statusKind(row), title: () => row.error ?? undefined };
    case 'down':
    case 'up':
      return { text: bytes(row[column]), title: () => t('exact.bytes', { count: count(row[column]) }) };
    case 'dns_ms':
    case 'connect_ms':
    case 'tls_ms':
    case 'first_byte_ms':
    case 'total_ms':
      return { text: row[column] == null ? '–' : millis(row[column]) };
    case 'cache':
      return { text: cacheText(row) ?? '–', title: () => row.cache_why ?? undefined };
    case 'scan':
      return {
        text: scanText(row) ?? '–',
        kind: row.scan?.startsWith('bad') ? 'blocked' : undefined,
        title: () => [row.scan_engine, row.scan_rule].filter(Boolean).join(' · ') || undefined,
      };
    case 'route':
      return { text: row.route === 'direct' ? t('route.direct') : row.route };
    default:
      return { text: row[column] ?? '–' };
  }
}

/** The request as one sentence. */
export function requestSentence(row: RequestRow): string {
  const sentence = t('requests.sentence', {
    method: row.method,
    url: row.url,
    status: statusText(row),
    down: bytes(row.down),
    time: millis(row.total_ms),
  });
  return row.error ? `${sentence}. ${row.error}` : sentence;
}
