/** Translations. English is bundled, other languages are loaded on demand. */
import { fill, form, type Values } from './message';
import en from './messages/en.json';

export type Key = keyof typeof en;
export const LANGUAGES = { en: 'English', de: 'Deutsch', ar: 'العربية' } as const;
export type Language = keyof typeof LANGUAGES;

const KEPT = 'privet.language';
const others: Record<Exclude<Language, 'en'>, () => Promise<{ default: Record<Key, string> }>> = {
  de: () => import('./messages/de.json'),
  ar: () => import('./messages/ar.json'),
};

function isLanguage(text: string | null | undefined): text is Language {
  return text !== null && text !== undefined && text in LANGUAGES;
}

class I18n {
  language = $state<Language>('en');
  /** The browser's variant of the language, for numbers and times: "en-GB". */
  readonly locale = $derived(
    navigator.languages.find((tag) => tag.split('-')[0] === this.language) ?? this.language,
  );
  private messages = $state.raw<Record<Key, string>>(en);

  async start() {
    const kept = localStorage.getItem(KEPT);
    const wished = [kept, ...navigator.languages.map((tag) => tag.split('-')[0])].find(isLanguage);
    await this.choose(wished ?? 'en', false);
  }

  async choose(language: Language, keep = true) {
    this.messages = language === 'en' ? en : (await others[language]()).default;
    this.language = language;
    document.documentElement.lang = language;
    document.documentElement.dir = language === 'ar' ? 'rtl' : 'ltr';
    if (keep) localStorage.setItem(KEPT, language);
  }

  say(key: Key, values: Values = {}): string {
    const text = this.messages[key] ?? en[key];
    return fill(form(text, values, this.locale), values, this.locale);
  }
}

/** Whether a message with that key exists. */
export const hasMessage = (key: string): key is Key => key in en;

export const i18n = new I18n();

export function t(key: Key, values?: Values): string {
  return i18n.say(key, values);
}
