/** What a row's cells say, and the row as one sentence. */
import type { Row } from '../../api/client';
import { isVerdict } from '../../parts/Verdict.svelte';
import type { Column } from '../../rows/columns.svelte';
import { bytes, millis, moment, span, speed } from '../../say';
import { t } from '../../words.svelte';

/** `passed`: milliseconds since the row came, for ages that grow. */
export function cellText(row: Row, column: Column, passed: number): string {
  switch (column) {
    case 'down':
    case 'up':
      return row[column] > 0 ? bytes(row[column]) : '–';
    case 'down_speed':
    case 'up_speed':
      return row[column] > 0 ? speed(row[column]) : '–';
    case 'age':
      return span(row.age_ms + (row.state === 'active' ? Math.max(0, passed) : 0));
    case 'started':
      return moment(row.started);
    case 'dns_ms':
    case 'connect_ms':
    case 'tls_ms':
    case 'first_byte_ms': {
      const ms = row[column];
      return ms === null || ms === undefined ? '–' : millis(ms);
    }
    case 'app':
      return row.app ?? '–';
    case 'route':
      return row.route === 'direct' ? t('route.direct') : row.route;
    default:
      return String(row[column] ?? '–');
  }
}

export function sentence(row: Row): string {
  const verdict = isVerdict(row.verdict) ? t(`verdict.${row.verdict}`) : row.verdict;
  return t('row.sentence', {
    app: row.app ?? t('row.someone'),
    target: `${row.host}:${row.port}`,
    verdict,
    route: row.route,
    down: bytes(row.down),
    up: bytes(row.up),
  });
}
