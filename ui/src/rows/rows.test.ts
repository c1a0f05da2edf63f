import { describe, expect, it } from 'vitest';
import { complete, completed } from './complete';
import { groupTerm, quoted, split, term, withTerm } from './query';
import { MAX_LIMIT, reveal, rowOf, seen, slotsFor, wanted } from './window';

describe('the window of rows', () => {
  it('is what the box shows, a part of a row counted as one', () => {
    expect(seen(0, 280, 28, 10_000)).toEqual({ first: 0, count: 10 });
    expect(seen(14, 280, 28, 10_000)).toEqual({ first: 0, count: 11 });
    expect(seen(0, 280, 28, 3)).toEqual({ first: 0, count: 3 });
    expect(seen(0, 280, 28, 0)).toEqual({ first: 0, count: 0 });
    expect(seen(99_999_999, 280, 28, 100)).toEqual({ first: 99, count: 1 });
  });

  it('always lies within what is asked for, with rows to spare on both sides', () => {
    for (let first = 0; first < 5000; first += 7) {
      const { offset, limit } = wanted({ first, count: 40 });
      expect(offset).toBeLessThanOrEqual(Math.max(0, first - 50));
      expect(offset + limit).toBeGreaterThanOrEqual(first + 40 + 50);
      expect(limit).toBeLessThanOrEqual(MAX_LIMIT);
      const down = wanted({ first, count: 40 }, 1);
      expect(down.offset + down.limit).toBeGreaterThanOrEqual(first + 40 + 200);
      expect(wanted({ first, count: 40 }, -1).offset).toBeLessThanOrEqual(Math.max(0, first - 200));
    }
  });

  it('asks nothing new for a small scroll', () => {
    expect(wanted({ first: 101, count: 30 })).toEqual(wanted({ first: 115, count: 30 }));
  });

  it('has an element for each row that can be seen, and hands on only those that a scroll frees', () => {
    const slots = slotsFor(280, 28);
    expect(slots).toBe(11);
    for (let base = 0; base < 60; base += 13) {
      for (let first = 0; first < 100; first += 1) {
        const rows = Array.from({ length: slots }, (_, slot) => rowOf(slot, slots, first, base));
        expect([...rows].sort((a, b) => a - b)).toEqual(rows.map((_, at) => first + at));
        const next = rows.map((_, slot) => rowOf(slot, slots, first + 2, base));
        expect(next.filter((row, slot) => row !== rows[slot])).toHaveLength(2);
      }
    }
    expect([0, 1, 2].map((slot) => rowOf(slot, slots, 500, 500))).toEqual([500, 501, 502]);
  });

  it('scrolls no further than it has to', () => {
    expect(reveal(5, 0, 280, 28)).toBe(0);
    expect(reveal(10, 0, 280, 28)).toBe(28);
    expect(reveal(2, 100, 280, 28)).toBe(56);
  });
});

describe('what a filter may go on as', () => {
  const fields = [
    { name: 'app', kind: 'text', words: [] },
    { name: 'verdict', kind: 'word', words: ['direct', 'routed', 'blocked'] },
    { name: 'up', kind: 'size', words: [] },
  ];
  const words = (text: string, values = {}) =>
    complete(text, text.length, fields, values).map(({ word }) => word);

  it('is a field, then a word of it, negated or not', () => {
    expect(words('')).toEqual([]);
    expect(words('a')).toEqual(['app:']);
    expect(words('host:x -v')).toEqual(['-verdict:']);
    expect(words('u')).toEqual(['up>']);
    expect(words('verdict:')).toEqual(['verdict:direct', 'verdict:routed', 'verdict:blocked']);
    expect(words('verdict:r')).toEqual(['verdict:routed']);
    expect(words('app=c', { app: ['curl', 'two words', 'firefox'] })).toEqual(['app=curl']);
    expect(words('nosuch:x')).toEqual([]);
  });

  it('stands in the place of the word under the caret', () => {
    expect(completed('a up>1', 1, { word: 'app:', open: true })).toEqual({ text: 'app: up>1', caret: 4 });
    expect(completed('verdict:r', 9, { word: 'verdict:routed', open: false })).toEqual({
      text: 'verdict:routed ',
      caret: 15,
    });
  });
});

describe('terms of the query bar', () => {
  it('are quoted where they have to be', () => {
    expect(quoted('www.example.com')).toBe('www.example.com');
    expect(quoted('local ads')).toBe('"local ads"');
    expect(quoted('a"b c')).toBe('"ab c"');
    expect(term('host', 'a.test', true)).toBe('-host=a.test');
  });

  it('stand once, and push their opposite out', () => {
    expect(withTerm('', 'app=curl')).toBe('app=curl');
    expect(withTerm('app=curl up>1M', 'app=curl')).toBe('up>1M app=curl');
    expect(withTerm('-host=a "two words"', 'host=a')).toBe('"two words" host=a');
    expect(split('a "b c" rule:"d e"')).toEqual(['a', '"b c"', 'rule:"d e"']);
  });

  it('pick the rows of a group', () => {
    expect(groupTerm('app', 'curl')).toBe('app=curl');
    expect(groupTerm('app', '(unknown)')).toBe('-app:*');
    expect(groupTerm('domain', 'example.com')).toBe('host=example.com');
    expect(groupTerm('verdict', 'blocked')).toBe('verdict:blocked');
  });
});
