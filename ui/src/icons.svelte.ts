/** Icons of programs from the desktop, each requested once. */
import { SvelteMap } from 'svelte/reactivity';
import type { Schema } from './api/client';
import { session } from './session.svelte';

/** Maximum number of icons; beyond it none is requested. */
const MOST = 512;
const KINDS = ['image/png', 'image/svg+xml'];

class Icons {
  /** `data:` URLs by program; null if there is none. */
  private readonly known = new SvelteMap<string, string | null>();
  private readonly asked = new Set<string>();

  /** The icon's URL if loaded; requests it otherwise. */
  of(program: string): string | undefined {
    const known = this.known.get(program);
    if (known === undefined && program && !this.asked.has(program) && this.asked.size < MOST) {
      this.asked.add(program);
      queueMicrotask(() => void this.ask(program));
    }
    return known ?? undefined;
  }

  /** At least one program has an icon, so all rows reserve space for it. */
  get any(): boolean {
    return this.some;
  }
  private some = $state(false);

  private async ask(program: string) {
    const { icon } = await session.client
      .get<Schema['ProgramIcon']>('/apps/icon', { program })
      .catch(() => ({ icon: null }));
    const drawn = icon && KINDS.includes(icon.media_type);
    const url = drawn ? `data:${icon.media_type};base64,${icon.data}` : null;
    this.known.set(program, url);
    if (url) this.some = true;
  }
}

export const icons = new Icons();
