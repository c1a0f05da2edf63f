/** The pages. Home is part of the first download; the others are loaded when one is opened, or once Home stands. */
import type { Component } from 'svelte';
import Home from './pages/home/Home.svelte';
import type { PageName } from './page-names';

type Others = Record<Exclude<PageName, 'home'>, Component>;

class Views {
  private others = $state.raw<Others | undefined>();

  /** The page's component; `undefined` until it is loaded. */
  of(page: PageName): Component | undefined {
    return page === 'home' ? Home : this.others?.[page];
  }

  /** The other pages could not be loaded: the engine has stopped, or is of another version now. */
  failed = $state(false);

  /** Loads the other pages. */
  async load() {
    if (this.others) return;
    try {
      this.others = (await import('./pages/others')).others;
    } catch {
      this.failed = true;
    }
  }
}

export const views = new Views();
