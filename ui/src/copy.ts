/** Copies to the clipboard and shows a notice. */
import { attempt, notices } from './notices.svelte';
import { t } from './i18n.svelte';

export async function copy(text: string, label = text): Promise<void> {
  if (await attempt(() => writeClipboard(text))) notices.show(t('copy.done', { text: label }));
}

/** Writes text to the clipboard. Throws if the browser refuses. */
export async function writeClipboard(text: string): Promise<void> {
  // Pages over plain HTTP from another machine have no `navigator.clipboard`.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard) return clipboard.writeText(text);
  if (!copySelected(text)) throw new Error(t('copy.refused'));
}

/** Copies by selecting the text in a field, which needs no secure context. */
function copySelected(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'unseen';
  // The rest of the page is inert while a dialog is open.
  (document.querySelector('dialog[open]') ?? document.body).append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return done;
}
