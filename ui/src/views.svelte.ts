/** The pages. Home is part of the first download; the others are loaded when one is opened, or once Home stands. */
import type { Component } from 'svelte';
import { i18n } from './i18n.svelte';
import Home from './pages/home/Home.svelte';
import type { PageName } from './page-names';

type Loaded = typeof import('./pages/others');

class Views {
  /** What is loaded after Home; `undefined` until then. */
  loaded = $state.raw<Loaded | undefined>();

  /** The page's component; `undefined` until it is loaded. */
  of(page: PageName): Component | undefined {
    return page === 'home' ? Home : this.loaded?.others[page];
  }

  /** The other pages could not be loaded: the engine has stopped, or is of another version now. */
  failed = $state(false);

  /** Loads the other pages and their messages. */
  async load() {
    if (this.loaded) return;
    try {
      const [loaded] = await Promise.all([import('./pages/others'), i18n.loadRest()]);
      this.loaded = loaded;
    } catch {
      this.failed = true;
    }
  }
}

export const views = new Views();
