/** Text of a row's cells, and the row as one sentence. */
import type { Row } from '../../api/client';
import { isVerdict, SHAPES } from '../../parts/Verdict.svelte';
import type { Column } from '../../rows/columns.svelte';
import type { Cell } from '../../rows/table-view.svelte';
import { bytes, count, millis, moment, span, speed } from '../../localized';
import { t, i18n } from '../../i18n.svelte';

/** `passed`: milliseconds since the row was received, so that ages keep growing. */
export function connectionCell(row: Row, column: Column, passed: number): Cell {
  const title = () => cellTitle(row, column);
  if (column === 'verdict') {
    const { verdict } = row;
    const text = isVerdict(verdict) ? `${SHAPES[verdict]} ${t(`verdict.${verdict}`)}` : verdict;
    return { text, kind: verdict, title };
  }
  const text = cellText(row, column, column === 'age' ? passed : 0);
  if (column === 'host') return { text, kind: 'mono', ltr: true, title };
  if (column === 'reason' && row.error) return { text, kind: 'failed', title };
  return column === 'app' ? { text, title, icon: row.app ?? undefined } : { text, title };
}

function cellText(row: Row, column: Column, passed: number): string {
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
    case 'reason':
      return row.error ?? reasonOf(row);
    case 'inspection':
      return inspectionText(row) ?? '–';
    case 'end':
      return row.end ? closeReasonText(row.end) : '–';
    default:
      return String(row[column] ?? '–');
  }
}

/** Tooltip of a cell: the exact number, or the engine's own text. */
function cellTitle(row: Row, column: Column): string | undefined {
  switch (column) {
    case 'down':
    case 'up':
      return t('exact.bytes', { count: count(row[column]) });
    case 'age':
    case 'started':
      return t('exact.since', { time: moment(row.started) });
    case 'host':
      return row.remote ? `${row.host} (${row.remote})` : row.host;
    case 'app':
      return row.app_path ?? row.app ?? undefined;
    case 'reason':
      return row.error ?? row.reason;
    case 'route':
      return row.route;
    case 'inspection':
      return row.inspection_why;
    default:
      return undefined;
  }
}

const ENDS = ['finished', 'broken', 'idle', 'closed', 'reload', 'shutdown', 'blocked', 'failed'] as const;

/** Close reason in the page's language. */
export function closeReasonText(end: string): string {
  const known = ENDS.find((word) => word === end);
  return known ? t(`end.${known}`) : end;
}

const INSPECTION = {
  inspected: 'inspected.yes',
  untouched: 'inspected.no',
  refused: 'inspected.refused',
} as const;

/** Whether HTTPS was read, in the page's language; `undefined`: it was not asked for. */
export function inspectionText({ inspection }: Pick<Row, 'inspection'>): string | undefined {
  if (inspection === undefined) return undefined;
  return inspection in INSPECTION ? t(INSPECTION[inspection as keyof typeof INSPECTION]) : inspection;
}

const KINDS = ['loop', 'rule', 'deny', 'list', 'mode', 'kill_switch'] as const;

/** The engine's sentence in English; in other languages what decided, with the engine's sentence as a tooltip. */
export function reasonOf(row: Pick<Row, 'reason' | 'rule'>): string {
  const kind = KINDS.find((word) => word === row.rule);
  return i18n.language === 'en' || !kind ? row.reason : t(`reason.${kind}`);
}

/** The row as one sentence. */
export function sentence(row: Row): string {
  const verdict = isVerdict(row.verdict) ? t(`verdict.${row.verdict}`) : row.verdict;
  const sentence = t('row.sentence', {
    app: row.app ?? t('row.someone'),
    target: `${row.host}:${row.port}`,
    verdict,
    route: row.route === 'direct' ? t('route.direct') : row.route,
    down: bytes(row.down),
    up: bytes(row.up),
  });
  if (row.error) return `${sentence}. ${row.error}`;
  return row.end && row.state === 'closed' ? `${sentence}. ${closeReasonText(row.end)}` : sentence;
}
