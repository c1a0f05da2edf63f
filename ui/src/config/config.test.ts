import { describe, expect, it } from 'vitest';
import { isUnchanged, moved, put, withoutNamed } from './patch';
import { asksNothing, ruleFor, toMatch, toText } from './rule';

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

  it('are changed by name, wherever another client put them', () => {
    const [a, b, entry] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
    expect(put([b, a], 'a', entry)).toEqual([b, entry]);
    expect(put([a], undefined, b)).toEqual([a, b]);
    expect(withoutNamed([b, a], 'b')).toEqual([a]);
  });

  it('are compared where a patch changes them', () => {
    const before = { mode: 'standard', filter: { deny: ['a'], list: [1] } };
    const other = { mode: 'strict', filter: { deny: ['a'], list: [2] } };
    expect(isUnchanged({ filter: { deny: ['a', 'b'] } }, before, other)).toBe(true);
    expect(isUnchanged({ filter: { list: [] } }, before, other)).toBe(false);
    expect(isUnchanged({ mode: 'off' }, before, other)).toBe(false);
  });

  it('mean exactly the connection they are made from', () => {
    const how = { use: 'block', subdomains: true, app: true };
    expect(ruleFor({ host: 'a.test', app: 'curl' }, how)).toEqual({
      match: { domain_suffix: ['a.test'], app: ['curl'] },
      use: 'block',
    });
    const exactly = { use: 'tor', subdomains: false, app: false };
    expect(ruleFor({ host: 'a.test', app: 'curl' }, exactly)).toEqual({
      match: { domain: ['a.test'] },
      use: 'tor',
    });
    expect(ruleFor({ host: '2001:db8::1' }, { ...how, use: 'tor' })).toEqual({
      match: { ip: ['2001:db8::1'] },
      use: 'tor',
    });
  });
});
