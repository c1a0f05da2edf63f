import { describe, expect, it } from 'vitest';
import { ago, bytes, clock, hour, millis, span, speed } from './format';
import { fill, form } from './message';

describe('sizes', () => {
  it('have one digit after the point below a hundred, and a unit that fits', () => {
    const table: [number, string][] = [
      [0, '0 B'],
      [999, '999 B'],
      [1000, '1.0 kB'],
      [99_400, '99.4 kB'],
      [99_960, '100 kB'],
      [999_600, '1.0 MB'],
      [5_300_000_000, '5.3 GB'],
      [7e15, '7,000 TB'],
    ];
    for (const [count, text] of table) expect(bytes(count, 'en')).toBe(text);
  });

  it('are written in the reader’s numbers', () => {
    expect(bytes(1500, 'de')).toBe('1,5 kB');
    expect(bytes(1500, 'ar-EG')).toContain('١');
    expect(speed(2000, 'en')).toBe('2.0 kB/s');
  });
});

describe('times', () => {
  it('name two units while the first is small', () => {
    const table: [number, string][] = [
      [0, '0 sec'],
      [59_999, '59 sec'],
      [61_000, '1 min 1 sec'],
      [12 * 60_000 + 5000, '12 min'],
      [2 * 3_600_000 + 300_000, '2 hr 5 min'],
      [3 * 86_400_000, '3 days'],
    ];
    for (const [ms, text] of table) expect(span(ms, 'en')).toBe(text);
  });

  it('run out to the last second and never below nothing', () => {
    expect(clock(899_001)).toBe('15:00');
    expect(clock(3_600_000)).toBe('1:00:00');
    expect(clock(-5)).toBe('00:00');
  });

  it('are told from now', () => {
    expect(ago(0, 300_000, 'en')).toBe('5 minutes ago');
    expect(ago(1000, 1200, 'en')).toBe('now');
    expect(millis(0.93, 'en')).toBe('0.9 ms');
    expect(millis(131.4, 'en')).toBe('131 ms');
  });

  it('are short without seconds', () => {
    expect(hour(0, 'en')).toMatch(/^\d\d?:\d\d\s[AP]M$/);
    expect(hour(0, 'de')).toMatch(/^\d\d:\d\d$/);
  });
});

describe('messages', () => {
  it('take the plural form of the language, and write numbers its way', () => {
    const text = 'one: {count} thing ¦ other: {count} things';
    expect(fill(form(text, { count: 1 }), { count: 1 })).toBe('1 thing');
    expect(fill(form(text, { count: 1234 }, 'de'), { count: 1234 }, 'de')).toBe('1.234 things');
    expect(form('plain: {count}', { count: 2 })).toBe('plain: {count}');
    expect(fill('{gone} {there}', { there: 'x' })).toBe('{gone} x');
  });
});
