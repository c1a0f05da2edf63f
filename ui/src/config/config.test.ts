import { describe, expect, it } from 'vitest';
import { inverse, moved, type Patch } from './patch';
import { asksNothing, ruleFor, toMatch, toText, until } from './rule';

/** RFC 7396. */
function apply(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = apply(result[key], value);
  }
  return result;
}

describe('undo', () => {
  it('leaves everything as it was', () => {
    const before: Patch = {
      mode: 'standard',
      filter: { allow: ['a'], deny: [] },
      rule: [{ use: 'block' }],
      modes: { strict: { dns: 'upstream' } },
    };
    const patches: Patch[] = [
      { mode: 'strict' },
      { filter: { deny: ['b'] } },
      { rule: [] },
      { modes: { own: { dns: 'system' } } },
      { modes: { strict: { route: 'tor', dns: null } } },
      { listen: { pac: '' } },
    ];
    for (const patch of patches) {
      expect(apply(apply(before, patch), inverse(before, patch))).toEqual(before);
    }
  });
});

describe('rules', () => {
  it('read and write the same', () => {
    const match = { domain: ['a.test', 'b.test'], port: [443, '8000-8999'], domain_regex: ['^ads\\d{1,3}'] };
    expect(toMatch(toText(match))).toEqual(match);
    expect(asksNothing(toMatch(toText({})))).toBe(true);
  });

  it('are moved without losing one', () => {
    expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
    expect(moved(['a', 'b'], 0, 5)).toEqual(['a', 'b']);
  });

  it('mean exactly the connection they are made from', () => {
    const how = { use: 'block', subdomains: true, app: true, span: 'hour' as const };
    expect(ruleFor({ host: 'a.test', app: 'curl' }, how, 0)).toEqual({
      match: { domain_suffix: ['a.test'], app: ['curl'] },
      use: 'block',
      until: '1970-01-01T01:00:00Z',
    });
    const always = { use: 'tor', subdomains: false, app: true, span: 'always' as const };
    expect(ruleFor({ host: '2001:db8::1' }, always, 0)).toEqual({
      match: { ip: ['2001:db8::1'] },
      use: 'tor',
    });
    expect(until('always', 0)).toBeUndefined();
  });
});
