/** What the page does in a window of its own: no browser's menu over it, and a word for each file that was saved. */
import { shell } from './api/shell';
import { notices } from './notices.svelte';
import { t } from './i18n.svelte';

export function inWindow(): void {
  if (!shell) return;
  document.addEventListener('contextmenu', (event) => {
    // Where text is written or marked the system's menu copies and pastes.
    const text = event.target instanceof Element && event.target.closest('input, textarea');
    if (!text && getSelection()?.isCollapsed !== false) event.preventDefault();
  });
  window.addEventListener('privet-saved', (event) => {
    const path = (event as CustomEvent<string | null>).detail;
    if (path) notices.show(t('shell.saved', { path }));
    else notices.showError(t('shell.notSaved'));
  });
}
