/** Merge patches (RFC 7396), and the patch that takes one back. Pure. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Patch = { [key: string]: Json };

function isObject(value: unknown): value is Patch {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Applied after `patch`, it leaves `before` as it was. */
export function inverse(before: Patch, patch: Patch): Patch {
  const back: Patch = {};
  for (const [key, wanted] of Object.entries(patch)) {
    const had = before[key];
    back[key] = isObject(wanted) && isObject(had) ? inverse(had, wanted) : (had ?? null);
  }
  return back;
}

/** The list with the entry at `from` moved to `to`; the same list where that is no move. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const copy = [...list];
  if (from === to || from < 0 || to < 0 || from >= list.length || to >= list.length) return copy;
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

export function replaced<T>(list: readonly T[], at: number, entry: T): T[] {
  return list.map((old, place) => (place === at ? entry : old));
}

export function without<T>(list: readonly T[], at: number): T[] {
  return list.filter((_, place) => place !== at);
}
