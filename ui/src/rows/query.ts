/** Builds filter queries; the engine parses them. Pure. */

/** A value in a term, quoted if it has spaces, quotes or operators. */
export function quoted(value: string): string {
  return /^[\w.*:/[\]-]+$/.test(value) ? value : `"${value.replace(/"/g, '')}"`;
}

export function term(field: string, value: string, negated = false): string {
  return `${negated ? '-' : ''}${field}=${quoted(value)}`;
}

/** Appends the term once and removes its negation. */
export function withTerm(query: string, added: string): string {
  const opposite = added.startsWith('-') ? added.slice(1) : `-${added}`;
  const kept = split(query).filter((word) => word !== added && word !== opposite);
  return [...kept, added].join(' ');
}

/** Splits a query into terms, respecting quotes. */
export function split(query: string): string[] {
  return query.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

/** The term that selects one group's rows. */
export function groupTerm(by: 'app' | 'domain' | 'route' | 'verdict', key: string): string {
  switch (by) {
    case 'app':
      return key === '(unknown)' ? '-app:*' : term('app', key);
    case 'domain':
      return term('host', key);
    case 'route':
      return term('route', key);
    case 'verdict':
      return `verdict:${key}`;
  }
}
