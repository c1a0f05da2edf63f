/** The rows that match, as a CSV file (RFC 4180). */
import type { Page, Row } from '../../api/client';
import { MAX_LIMIT } from '../../rows/window';
import { session } from '../../session.svelte';
import { csv } from '../../rows/csv';
import type { View } from './view.svelte';

/** More is not written: a file for people and spreadsheets. */
const MOST_ROWS = 20_000;

export async function exportCsv(view: View): Promise<void> {
  const rows: Row[] = [];
  for (let offset = 0; offset < MOST_ROWS; offset += MAX_LIMIT) {
    const { tab: state, filter, sort } = view;
    const page = await session.client.get<Page>('/connections', {
      state,
      filter,
      sort,
      offset,
      limit: MAX_LIMIT,
    });
    rows.push(...page.rows);
    if (page.rows.length < MAX_LIMIT) break;
  }
  const url = URL.createObjectURL(new Blob([csv(rows)], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `privet-${view.tab}.csv`;
  link.click();
  URL.revokeObjectURL(url);
}
