/** Merge patches, which replace arrays whole: one entry moved, or replaced or removed by its name. Pure. */

/** The list with the entry at `from` moved to `to`; unchanged if that is no move. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const copy = [...list];
  if (from === to || from < 0 || to < 0 || from >= list.length || to >= list.length) return copy;
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

interface Named {
  name: string;
}

/** The list with `entry` in place of the one called `name`; at the end where there is none. */
export function put<T extends Named>(list: readonly T[], name: string | undefined, entry: T): T[] {
  const isKnown = list.some((old) => old.name === name);
  return isKnown ? list.map((old) => (old.name === name ? entry : old)) : [...list, entry];
}

export function withoutNamed<T extends Named>(list: readonly T[], name: string): T[] {
  return list.filter((entry) => entry.name !== name);
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether everything that the merge patch replaces is the same in both, so that a patch made from `before` fits `after`. */
export function isUnchanged(patch: object, before: object, after: object): boolean {
  return Object.entries(patch).every(([key, value]) => {
    const [old, now] = [(before as Json)[key], (after as Json)[key]];
    if (isObject(value) && isObject(old) && isObject(now)) return isUnchanged(value, old, now);
    return JSON.stringify(old) === JSON.stringify(now);
  });
}
