import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { curlOf } from './pages/connections/curl';
import { bars } from './pages/activity/spans';
import { lineOf } from './routes';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

function colours(block: string): Map<string, string> {
  const body = css.slice(css.indexOf(block)).split('}')[0] ?? '';
  return new Map([...body.matchAll(/(--[\w-]+): (#[0-9a-f]{6});/g)].map((m) => [m[1] ?? '', m[2] ?? '']));
}

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

describe.each([':root {', ":root[data-theme='dark'] {"])('the colours of %s', (block) => {
  const all = colours(block);
  const get = (name: string) => all.get(`--${name}`) ?? '';

  it('can be read: 4.5 to 1 for text', () => {
    const texts = ['ink', 'ink-soft', 'accent', 'direct', 'routed', 'cached', 'blocked', 'failed'];
    for (const text of texts) {
      for (const ground of ['paper', 'sheet', 'sunken']) {
        expect(contrast(get(text), get(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    }
    expect(contrast(get('accent'), get('accent-soft'))).toBeGreaterThanOrEqual(4.5);
    expect(contrast(get('on-accent'), get('accent'))).toBeGreaterThanOrEqual(4.5);
  });

  it('can be told apart: 3 to 1 for shapes', () => {
    for (const shape of ['edge', 'focus', 'graph-down', 'graph-up']) {
      expect(contrast(get(shape), get('paper')), shape).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('the route line', () => {
  const hop = (name: string, route: string, state: string) => ({
    name,
    route,
    state,
    url: '',
    isolate: 'none',
    failures: 0,
    latency_ms: 5,
  });
  const outlets = {
    upstreams: [hop('tor', 'office → tor', 'down'), hop('office', 'office', 'up')],
    groups: [
      { name: 'auto', policy: 'failover', members: ['tor'], state: 'up', current: 'tor' },
      { name: 'idle', policy: 'failover', members: ['tor'], state: 'unknown', current: null },
    ],
  };

  it('has every hop of a chain, in order, with its state', () => {
    const names = (route: string) => lineOf(route, outlets).hops.map(({ name, state }) => `${name} ${state}`);
    expect(names('tor')).toEqual(['office up', 'tor down']);
    expect(names('auto')).toEqual(['office up', 'tor down']);
    expect(names('idle')).toEqual(['idle unknown']);
    expect(names('gone')).toEqual(['gone unknown']);
    expect(names('direct')).toEqual([]);
    expect(lineOf('none', outlets).none).toBe(true);
  });
});

describe('usage over time', () => {
  it('has a bar for each step, empty ones too', () => {
    const rows = [
      { start: 60, up: 1, down: 2 },
      { start: 60, up: 3, down: 4 },
      { start: 500, up: 9, down: 9 },
    ];
    expect(bars(rows, 5, 180, 60)).toEqual([
      { start: 0, up: 0, down: 0 },
      { start: 60, up: 4, down: 6 },
      { start: 120, up: 0, down: 0 },
    ]);
  });
});

describe('copy as curl', () => {
  it('asks the same through the proxy', () => {
    const listeners = [
      { kind: 'pac', address: '127.0.0.1:7281' },
      { kind: 'mixed', address: '127.0.0.1:7280' },
    ];
    const row = { host: '::1', port: 8443, protocol: 'connect' };
    expect(curlOf(row, listeners)).toBe("curl -x socks5h://127.0.0.1:7280 'https://[::1]:8443/'");
    expect(curlOf({ host: 'a.test', port: 80, protocol: 'http' }, [])).toBe("curl 'http://a.test/'");
  });
});
