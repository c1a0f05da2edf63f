/** Arithmetic of the virtual table: visible rows, requested rows, and which element shows which row. Pure. */

/** Rows requested beyond the visible ones, and the step of the offset. */
export const STEP = 50;
export const MAX_LIMIT = 1000;

export interface Span {
  first: number;
  count: number;
}

/** Rows visible in a scrolled box, partly visible ones included. */
export function seen(scrollTop: number, height: number, rowPx: number, total: number): Span {
  if (total === 0 || rowPx <= 0) return { first: 0, count: 0 };
  const first = Math.min(Math.max(0, Math.floor(scrollTop / rowPx)), total - 1);
  const last = Math.min(total, Math.ceil((scrollTop + height) / rowPx));
  return { first, count: Math.max(0, last - first) };
}

/** Number of elements needed for a box of that height. */
export function slotsFor(height: number, rowPx: number): number {
  return rowPx > 0 && height > 0 ? Math.ceil(height / rowPx) + 1 : 0;
}

/**
 * Which row an element shows. On a scroll, elements of rows that left at one end are reused for rows that appear at the other; all
 * others keep theirs. With `base` at the first row the elements are in the order of their rows.
 */
export function rowOf(slot: number, slots: number, first: number, base: number): number {
  const turned = (slot + base - first) % slots;
  return first + (turned < 0 ? turned + slots : turned);
}

/**
 * The rows to request, so that small scrolls need no new request. While it scrolls, more rows ahead than behind are
 * requested. `ahead`: 1 down, -1 up, 0 at rest.
 */
export function wanted(span: Span, ahead = 0): { offset: number; limit: number } {
  const [before, after] = [ahead < 0 ? 4 : 1, ahead > 0 ? 5 : 2];
  const offset = Math.max(0, (Math.floor(span.first / STEP) - before) * STEP);
  const end = (Math.floor((span.first + span.count) / STEP) + after) * STEP;
  return { offset, limit: Math.min(MAX_LIMIT, end - offset) };
}

/** Scroll position at which a row is fully visible. */
export function reveal(index: number, scrollTop: number, height: number, rowPx: number): number {
  const top = index * rowPx;
  if (top < scrollTop) return top;
  if (top + rowPx > scrollTop + height) return top + rowPx - height;
  return scrollTop;
}
