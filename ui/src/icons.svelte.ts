/** Pictures of programs where the desktop has them, each asked for once. */
import { SvelteMap } from 'svelte/reactivity';
import type { Schema } from './api/client';
import { session } from './session.svelte';

/** More programs than anybody sees at once; past it none is asked for. */
const MOST = 512;
const KINDS = ['image/png', 'image/svg+xml'];

class Icons {
  /** `data:` addresses by program; null: asked for, and none. */
  private readonly known = new SvelteMap<string, string | null>();
  private readonly asked = new Set<string>();

  /** The picture's address, as far as it is here; asks for it otherwise. */
  of(program: string): string | undefined {
    const known = this.known.get(program);
    if (known === undefined && program && !this.asked.has(program) && this.asked.size < MOST) {
      this.asked.add(program);
      queueMicrotask(() => void this.ask(program));
    }
    return known ?? undefined;
  }

  /** Some program has one, so that a place for it is kept beside all. */
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
