import { describe, expect, it } from 'vitest';
import { free, parseLink } from './link';

describe('a link', () => {
  it('names a page', () => {
    expect(parseLink('privet:page/connections')).toEqual({ page: 'connections' });
    expect(parseLink('privet:page/nowhere')).toEqual({ error: 'unknown' });
  });

  it('names upstreams, each with a name of its own', () => {
    expect(
      parseLink('privet:import?upstream=socks5%3A%2F%2Fberlin.example%3A1080&upstream=http://10.0.0.1:8080'),
    ).toEqual({
      upstreams: [
        { name: 'berlin', url: 'socks5://berlin.example:1080' },
        { name: '10-0-0-1', url: 'http://10.0.0.1:8080' },
      ],
    });
    expect(parseLink('privet://import?upstream=socks5://[::1]:9&name=My%20own%3Cb%3E')).toEqual({
      upstreams: [{ name: 'My-own-b', url: 'socks5://[::1]:9' }],
    });
  });

  it('is refused where it asks for nothing known, or for too much', () => {
    expect(parseLink('privet:run?x=1')).toEqual({ error: 'unknown' });
    expect(parseLink('privet:import')).toEqual({ error: 'noUpstream' });
    const many = 'upstream=socks5://a:1&'.repeat(17);
    expect(parseLink(`privet:import?${many}`)).toEqual({ error: 'noUpstream' });
  });

  it('never takes a name that is taken', () => {
    expect(free('berlin', ['tor'])).toBe('berlin');
    expect(free('berlin', ['berlin', 'berlin-2'])).toBe('berlin-3');
  });
});
