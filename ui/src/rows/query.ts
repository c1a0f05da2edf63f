/** Builds texts for the query bar; the engine parses them. Pure. */

/** A value as a term holds it: in quotes where it has spaces, quotes or signs. */
export function quoted(value: string): string {
  return /^[\w.*:/[\]-]+$/.test(value) ? value : `"${value.replace(/"/g, '')}"`;
}

export function term(field: string, value: string, negated = false): string {
  return `${negated ? '-' : ''}${field}=${quoted(value)}`;
}

/** The query with the term at its end, once; its opposite is taken out. */
export function withTerm(query: string, added: string): string {
  const opposite = added.startsWith('-') ? added.slice(1) : `-${added}`;
  const kept = split(query).filter((word) => word !== added && word !== opposite);
  return [...kept, added].join(' ');
}

/** Words, quotes kept together. */
export function split(query: string): string[] {
  return query.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

/** The term that picks the rows of one group. */
export function groupTerm(by: 'app' | 'domain' | 'route' | 'verdict', key: string): string {
  switch (by) {
    case 'app':
      return key === '(unknown)' ? '-app:*' : term('app', key);
    case 'domain':
      return `host:${quoted(key)}`;
    case 'route':
      return term('route', key);
    case 'verdict':
      return `verdict:${key}`;
  }
}
