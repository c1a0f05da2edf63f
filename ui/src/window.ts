/** Behaviour in the desktop window: no browser context menu, and a notice for each saved file. */
import { shell } from './api/shell';
import { notices } from './notices.svelte';
import { t } from './i18n.svelte';

export function inWindow(): void {
  if (!shell) return;
  document.addEventListener('contextmenu', (event) => {
    // Inputs and selected text keep the system menu for copy and paste.
    const text = event.target instanceof Element && event.target.closest('input, textarea');
    if (!text && getSelection()?.isCollapsed !== false) event.preventDefault();
  });
  window.addEventListener('privet-saved', (event) => {
    const path = (event as CustomEvent<string | null>).detail;
    if (path) notices.show(t('shell.saved', { path }));
    else notices.showError(t('shell.notSaved'));
  });
}
