import { describe, expect, it } from 'vitest';
import { decodePercent } from './decode';

describe('percent-decoding', () => {
  it('leaves a stray % as it is', () => {
    for (const text of ['100%', '50% off', '%', '%zz', '%4', 'a%ffb']) expect(decodePercent(text)).toBe(text);
  });

  it('decodes UTF-8 sequences beside it', () => {
    expect(decodePercent('M%C3%BCnchen 100%')).toBe('München 100%');
    expect(decodePercent('%2525')).toBe('%25');
  });
});
