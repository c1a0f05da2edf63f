/** Theme: light, dark or system. */
const KEPT = 'privet.theme';
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

class Themes {
  chosen = $state<Theme>('system');

  start() {
    const kept = localStorage.getItem(KEPT);
    this.chosen = THEMES.find((theme) => theme === kept) ?? 'system';
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.show());
    this.show();
  }

  choose(theme: Theme) {
    this.chosen = theme;
    localStorage.setItem(KEPT, theme);
    this.show();
  }

  private show() {
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    const theme = this.chosen === 'system' ? (dark ? 'dark' : 'light') : this.chosen;
    document.documentElement.dataset.theme = theme;
  }
}

export const themes = new Themes();
