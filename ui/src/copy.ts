/** Copies to the clipboard and shows a notice. */
import { attempt, notices } from './notices.svelte';
import { t } from './i18n.svelte';

export async function copy(text: string, label = text): Promise<void> {
  if (await attempt(() => navigator.clipboard.writeText(text))) notices.show(t('copy.done', { text: label }));
}
