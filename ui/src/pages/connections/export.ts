/** Exports the matching rows and requests; the engine writes the file. */
import { withQuery } from '../../api/client';
import { shell } from '../../api/shell';
import { notices } from '../../notices.svelte';
import { session } from '../../session.svelte';
import { t } from '../../i18n.svelte';
import type { RequestsView } from './requests-view.svelte';
import type { View } from './view.svelte';

export type Format = 'csv' | 'har';

export async function exportRows({ tab, filter, sort }: View, format: Format): Promise<void> {
  const path = withQuery('/connections/export', { format, state: tab, filter, sort });
  await save(path, `privet-${tab}.${format}`, format);
}

/** `queries`: with the queries of URLs. */
export async function exportRequests({ filter, sort }: RequestsView, queries: boolean): Promise<void> {
  await save(withQuery('/requests/export', { filter, sort, queries }), 'privet-requests.har', 'har');
}

async function save(path: string, name: string, format: Format): Promise<void> {
  const text = await session.client.text('GET', path);
  const type = format === 'csv' ? 'text/csv' : 'application/json';
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
  // The window reports the saved path itself.
  if (!shell) notices.show(t('bar.exported', { name }));
}
