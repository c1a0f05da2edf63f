import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

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
