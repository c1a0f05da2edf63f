/** Translations. The messages of the first page are bundled with it in English; the others are loaded. */
import { fill, form, type Values } from './message';
import type en from './messages/en.json';
import english from './messages/en.json?first';

export type Key = keyof typeof en;
export const LANGUAGES = { en: 'English', de: 'Deutsch', ar: 'العربية' } as const;
export type Language = keyof typeof LANGUAGES;
type Messages = Record<string, string>;
type Load = () => Promise<{ default: Messages }>;

const KEPT = 'privet.language';
const FIRST: Record<Exclude<Language, 'en'>, Load> = {
  de: () => import('./messages/de.json?first'),
  ar: () => import('./messages/ar.json?first'),
};
const REST: Record<Language, Load> = {
  en: () => import('./messages/en.json?rest'),
  de: () => import('./messages/de.json?rest'),
  ar: () => import('./messages/ar.json?rest'),
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
  private messages = $state.raw<Messages>(english);
  private complete = false;

  async start() {
    const kept = localStorage.getItem(KEPT);
    const wished = [kept, ...navigator.languages.map((tag) => tag.split('-')[0])].find(isLanguage);
    await this.choose(wished ?? 'en', false);
  }

  async choose(language: Language, keep = true) {
    const [first, rest] = await Promise.all([
      language === 'en' ? english : FIRST[language]().then((loaded) => loaded.default),
      this.complete ? this.rest(language) : {},
    ]);
    this.messages = { ...first, ...rest };
    this.language = language;
    document.documentElement.lang = language;
    document.documentElement.dir = language === 'ar' ? 'rtl' : 'ltr';
    if (keep) localStorage.setItem(KEPT, language);
  }

  /** Loads the messages of the other pages, and from now on those of every language that is chosen. */
  async loadRest() {
    const { language } = this;
    const rest = await this.rest(language);
    this.complete = true;
    if (language === this.language) this.messages = { ...this.messages, ...rest };
    else await this.choose(this.language, false);
  }

  private async rest(language: Language): Promise<Messages> {
    return (await REST[language]()).default;
  }

  has(key: string): key is Key {
    return key in this.messages;
  }

  say(key: Key, values: Values = {}): string {
    const text = this.messages[key] ?? key;
    return fill(form(text, values, this.locale), values, this.locale);
  }
}

export const i18n = new I18n();

/** Whether a message with that key exists. */
export const hasMessage = (key: string): key is Key => i18n.has(key);

export function t(key: Key, values?: Values): string {
  return i18n.say(key, values);
}
