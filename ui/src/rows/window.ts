/** Which rows are seen and which are asked for. Pure. */

/** Rows asked for beyond those that are seen, and the step in which the offset moves. */
export const STEP = 50;
export const MAX_LIMIT = 1000;

export interface Span {
  first: number;
  count: number;
}

/** The rows that a scrolled box shows, a part of a row counted as one. */
export function seen(scrollTop: number, height: number, rowPx: number, total: number): Span {
  if (total === 0 || rowPx <= 0) return { first: 0, count: 0 };
  const first = Math.min(Math.max(0, Math.floor(scrollTop / rowPx)), total - 1);
  const last = Math.min(total, Math.ceil((scrollTop + height) / rowPx));
  return { first, count: Math.max(0, last - first) };
}

/** What to ask for so that small scrolls need no new question. */
export function wanted(span: Span): { offset: number; limit: number } {
  const offset = Math.max(0, (Math.floor(span.first / STEP) - 1) * STEP);
  const end = (Math.floor((span.first + span.count) / STEP) + 2) * STEP;
  return { offset, limit: Math.min(MAX_LIMIT, end - offset) };
}

/** Where to scroll so that a row is seen whole; the same place where it is. */
export function reveal(index: number, scrollTop: number, height: number, rowPx: number): number {
  const top = index * rowPx;
  if (top < scrollTop) return top;
  if (top + rowPx > scrollTop + height) return top + rowPx - height;
  return scrollTop;
}
