import { untrack } from 'svelte';
import { errorText } from '../failure';
import { afterFrame } from '../frame';

/** Data loaded from the engine, or the error. */
export class Resource<T> {
  data = $state.raw<T | undefined>();
  error = $state('');
  private turn = 0;

  /** `first`: what is known before anything is asked. */
  constructor(
    private readonly ask: () => Promise<T>,
    first?: T,
  ) {
    this.data = first;
  }

  async load(): Promise<void> {
    const mine = ++this.turn;
    try {
      const data = await this.ask();
      if (mine !== this.turn) return;
      this.data = data;
      this.error = '';
    } catch (error) {
      if (mine === this.turn) this.error = errorText(error);
    }
  }
}

/**
 * For an `$effect`: loads at once, or after the first frame where something is known already, and then every `everyMs`
 * milliseconds while the page is visible. Returns the stop function.
 */
export function poll(resource: Resource<unknown>, everyMs: number): () => void {
  if (untrack(() => resource.data) === undefined) void resource.load();
  else afterFrame(() => void resource.load());
  const timer = setInterval(() => {
    if (!document.hidden) void resource.load();
  }, everyMs);
  return () => clearInterval(timer);
}
