/** Sorting and grouping of rows that the engine no longer holds as they are shown. Pure. */
import type { Row, Schema } from '../api/client';

type Group = Schema['ConnectionGroup'];
export type GroupBy = 'app' | 'domain' | 'route' | 'verdict';

/** The name of a row's group, as the engine names it. */
export function groupKey(row: Row, by: GroupBy): string {
  if (by === 'app') return row.app ?? '(unknown)';
  return by === 'domain' ? row.host : row[by];
}

/** `sort`: a column, with `-` before it for the largest first. Rows without a value come last. */
export function sorted(rows: readonly Row[], sort: string): Row[] {
  const column = sort.replace(/^-/, '');
  const field = (column === 'age' ? 'age_ms' : column) as keyof Row;
  const sign = sort.startsWith('-') ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [one, other] = [a[field] ?? null, b[field] ?? null];
    if (one === null || other === null) return Number(one === null) - Number(other === null);
    if (typeof one === 'number' && typeof other === 'number') return sign * (one - other);
    return sign * (String(one) < String(other) ? -1 : Number(String(one) > String(other)));
  });
}

/** The sums by group, the largest group first. */
export function grouped(rows: readonly Row[], by: GroupBy): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const key = groupKey(row, by);
    const group = groups.get(key) ?? { key, rows: 0, up: 0, down: 0, up_speed: 0, down_speed: 0 };
    group.rows += 1;
    for (const sum of ['up', 'down', 'up_speed', 'down_speed'] as const) group[sum] += row[sum];
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => b.rows - a.rows || (a.key < b.key ? -1 : 1));
}
