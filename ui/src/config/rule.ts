/** Rules as text and form fields. Pure. */
import type { Match, Rule } from './shape';

export const MATCH_KEYS = [
  'domain_suffix',
  'domain',
  'domain_regex',
  'ip',
  'port',
  'app',
  'protocol',
  'user',
] as const;
export type MatchKey = (typeof MATCH_KEYS)[number];

/** Form fields of a rule: values separated by commas. */
export type MatchText = Record<MatchKey, string>;

export function toText(match: Match): MatchText {
  const text = {} as MatchText;
  for (const key of MATCH_KEYS) text[key] = (match[key] ?? []).join(', ');
  return text;
}

export function toMatch(text: MatchText): Match {
  const match: Match = {};
  for (const key of MATCH_KEYS) {
    const entries = text[key]
      .split(key === 'domain_regex' ? /\s*,\s+|\n/ : /[\s,]+/)
      .map((entry) => entry.trim())
      .filter(Boolean);
    if (entries.length === 0) continue;
    if (key === 'port') match.port = entries.map((entry) => (/^\d+$/.test(entry) ? Number(entry) : entry));
    else match[key] = entries;
  }
  return match;
}

export function asksNothing(match: Match): boolean {
  return MATCH_KEYS.every((key) => (match[key] ?? []).length === 0);
}

/** Duration of a rule, as the API expects it. */
export const SPANS = ['once', '1h', 'until-quit', 'always'] as const;
export type Span = (typeof SPANS)[number];

export function isIp(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || host.includes(':');
}

/** A rule for a connection's target, optionally only for its program. */
export function ruleFor(
  row: { host: string; app?: string | null },
  how: { use: string; subdomains: boolean; app: boolean },
): Rule {
  const match: Match = {};
  if (isIp(row.host)) match.ip = [row.host];
  else if (how.subdomains) match.domain_suffix = [row.host];
  else match.domain = [row.host];
  if (how.app && row.app) match.app = [row.app];
  return { match, use: how.use };
}
