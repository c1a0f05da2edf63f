/** What the virtual table needs to know of the rows that it shows, and what is common to the states of such tables. */
import type { Watch } from '../api/watch';
import { watch } from '../api/watch';
import { session } from '../session.svelte';
import { wanted, type Span } from './window';

/** Minimum interval between window moves, in milliseconds. */
const MOVE_MS = 250;
/** Minimum interval between redraws, in milliseconds. */
const DRAW_MS = 500;

export interface TableView {
  readonly page: { total: number } | undefined;
  readonly sort: string;
  look(span: Span): void;
  sortBy(key: string): void;
}

/** Where a row is drawn. */
export interface Place {
  index: number;
  /** Offset from the first row in pixels. */
  top: number;
  active: boolean;
  choose: (index: number) => void;
}

/** A cell's text and look. */
export interface Cell {
  text: string;
  kind?: string | undefined;
  title?: () => string | undefined;
  ltr?: boolean;
  /** The program whose icon stands before the text. */
  icon?: string | undefined;
}

/** The window of rows that is requested: it follows what is visible. */
export class RowWindow {
  offset = $state(0);
  limit = $state(150);
  private moves: ReturnType<typeof setTimeout> | undefined;
  private seen: Span = { first: 0, count: 0 };
  private before = 0;

  /** Moves the window to the visible rows, also while scrolling. */
  look(span: Span) {
    this.seen = span;
    this.moves ??= setTimeout(() => {
      this.moves = undefined;
      const next = wanted(this.seen, Math.sign(this.seen.first - this.before));
      const moved = this.seen.first !== this.before;
      this.before = this.seen.first;
      [this.offset, this.limit] = [next.offset, next.limit];
      // Again once scrolling stops, for a smaller window.
      if (moved) this.look(this.seen);
    }, MOVE_MS);
  }
}

/** Watches the pages of a stream until the returned function is called. The first one is drawn at once, of later quick ones only the last. */
export function followPages<P>(
  path: string,
  take: (page: P) => void,
  fail: (error: unknown) => void,
): () => void {
  let fresh = true;
  let latest = '';
  let drawn = 0;
  let waits: ReturnType<typeof setTimeout> | undefined;
  const draw = () => {
    waits = undefined;
    drawn = Date.now();
    take(JSON.parse(latest) as P);
  };
  const stream: Watch = watch(session.client, path, {
    event: ({ data }) => {
      latest = data;
      if (fresh) draw();
      else waits ??= setTimeout(draw, Math.max(0, drawn + DRAW_MS - Date.now()));
      fresh = false;
    },
    lost: fail,
  });
  return () => {
    stream.stop();
    clearTimeout(waits);
  };
}
