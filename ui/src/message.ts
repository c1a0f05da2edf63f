/** Message formatting: placeholders and plural forms. Pure: the locale is an argument. */
import { count } from './format';

export type Values = Record<string, string | number>;

/** Replaces `{name}` placeholders; numbers are formatted for the locale. */
export function fill(text: string, values: Values, locale = 'en'): string {
  const show = (value: string | number) => (typeof value === 'number' ? count(value, locale) : value);
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : show(value);
  });
}

/** Selects from "one: a thing ¦ other: {count} things" by `values.count` (Unicode plural rules). */
export function form(text: string, values: Values, locale = 'en'): string {
  if (!text.includes('¦')) return text;
  const forms = new Map(
    text.split('¦').map((one) => {
      const [name = '', ...rest] = one.split(':');
      return [name.trim(), rest.join(':').trim()];
    }),
  );
  const rule = new Intl.PluralRules(locale).select(Number(values.count ?? 0));
  return forms.get(rule) ?? forms.get('other') ?? text;
}
