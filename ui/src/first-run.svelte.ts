/** Whether the first run lies over the pages, and what it starts from. */
import type { Schema } from './api/client';
import { notices } from './notices.svelte';
import { session } from './session.svelte';
import { t } from './words.svelte';

export type FirstRun = Schema['FirstRun'];

class Welcome {
  open = $state(false);
  data = $state.raw<FirstRun | undefined>();
  private asked = false;

  /** Once after the page was opened; shows itself where nobody went through it yet. */
  async look() {
    if (this.asked) return;
    this.asked = true;
    const data = await session.client.get<FirstRun>('/first-run').catch(() => undefined);
    if (data?.pending) [this.data, this.open] = [data, true];
  }

  /** As one asks for it, under Settings. */
  async show() {
    this.data = await session.client.get<FirstRun>('/first-run');
    this.open = true;
  }

  /** It is over and does not come by itself again. */
  async end() {
    await session.client.call('PUT', '/first-run', { done: true });
  }

  async leave() {
    this.open = false;
    await this.end();
    notices.say(t('first.left'));
  }
}

export const welcome = new Welcome();
