/** Arrays for merge patches, which replace arrays whole: one entry moved, replaced or removed. Pure. */

/** The list with the entry at `from` moved to `to`; unchanged if that is no move. */
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
