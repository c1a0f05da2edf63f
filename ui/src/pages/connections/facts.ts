/** What the side panel tells of a connection or a request. */
import type { RequestRow, Row } from '../../api/client';
import { bytes, count, millis, moment, span } from '../../localized';
import type { Fact } from '../../parts/Facts.svelte';
import { t } from '../../i18n.svelte';
import { closeReasonText, inspectionText } from './cells';
import { cacheText, scanText } from './request-cells';

const ms = (value: number | null | undefined) => (value == null ? undefined : millis(value));

/** Bytes and phases, which both have. */
const costs = (row: Row | RequestRow): Fact[] => [
  ['column.down', bytes(row.down)],
  ['column.up', bytes(row.up)],
  ['column.dns_ms', ms(row.dns_ms)],
  ['column.connect_ms', ms(row.connect_ms)],
  ['column.tls_ms', ms(row.tls_ms)],
  ['column.first_byte_ms', ms(row.first_byte_ms)],
];

export const connectionFacts = (row: Row): Fact[] => [
  ['column.app', row.app_path ? `${row.app_path} (${row.pid})` : row.app],
  ['column.user', row.user],
  ['column.client', row.client],
  ['column.protocol', `${row.protocol} (${row.listener})`],
  ['column.remote', row.remote],
  ...costs(row),
  ['column.inspection', [inspectionText(row), row.inspection_why].filter(Boolean).join(': ')],
  ['column.requests', row.requests > 0 ? count(row.requests) : undefined],
  ['column.started', moment(row.started)],
  ['column.age', span(row.age_ms)],
  ['column.end', row.end && closeReasonText(row.end)],
];

export const requestFacts = (row: RequestRow): Fact[] => [
  ['column.type', row.type],
  ...costs(row),
  ['column.total_ms', ms(row.total_ms)],
  ['column.cache', [cacheText(row), row.cache_why].filter(Boolean).join(': ')],
  ['column.scan', scanText(row)],
  ['scan.by', [row.scan_engine, row.scan_rule].filter(Boolean).join(' · ')],
  ['scan.hash', row.scan_sha256],
  ['scan.took', ms(row.scan_ms)],
  ['column.protocol', row.http_version],
  ['column.route', row.route === 'direct' ? t('route.direct') : row.route],
  ['column.remote', row.remote],
  ['column.client', row.client],
  ['column.user', row.user],
  ['column.started', moment(row.started)],
];
