/** The setup that is shown over the pages at the first start. */
import type { Schema } from './api/client';
import { shell } from './api/shell';
import { notices } from './notices.svelte';
import { session } from './session.svelte';
import { t } from './i18n.svelte';

export type FirstRun = Schema['FirstRun'];

/** Known before the first page is drawn, in the window. */
const atStart = shell?.first?.first_run;

class Setup {
  open = $state(atStart?.pending ?? false);
  data = $state.raw<FirstRun | undefined>(atStart);
  private checked = atStart !== undefined;

  /** Opens it if it was never completed. Checks once per page load. */
  async openIfPending() {
    if (this.checked) return;
    this.checked = true;
    const data = await session.client.get<FirstRun>('/first-run').catch(() => undefined);
    if (data?.pending) [this.data, this.open] = [data, true];
  }

  /** Opens it on request, from Settings. */
  async show() {
    this.data = await session.client.get<FirstRun>('/first-run');
    this.open = true;
  }

  /** Marks it completed, so that it does not open by itself again. */
  async complete() {
    await session.client.call('PUT', '/first-run', { done: true });
  }

  async dismiss() {
    this.open = false;
    await this.complete();
    notices.show(t('first.left'));
  }
}

export const setup = new Setup();
