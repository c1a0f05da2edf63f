/** Exports the matching rows; the engine writes the file. */
import { withQuery } from '../../api/client';
import { shell } from '../../api/shell';
import { notices } from '../../notices.svelte';
import { session } from '../../session.svelte';
import { t } from '../../i18n.svelte';
import type { View } from './view.svelte';

export type Format = 'csv' | 'har';

export async function exportRows({ tab, filter, sort }: View, format: Format): Promise<void> {
  const path = withQuery('/connections/export', { format, state: tab, filter, sort });
  const text = await session.client.text('GET', path);
  const type = format === 'csv' ? 'text/csv' : 'application/json';
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `privet-${tab}.${format}`;
  link.click();
  URL.revokeObjectURL(url);
  // The window reports the saved path itself.
  if (!shell) notices.show(t('bar.exported', { name: link.download }));
}
