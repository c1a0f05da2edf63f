/** Visible columns, their order and widths; stored in this browser. */
export const COLUMNS = {
  verdict: 88,
  app: 100,
  host: 160,
  port: 60,
  protocol: 76,
  route: 96,
  down: 72,
  up: 72,
  down_speed: 84,
  up_speed: 84,
  age: 80,
  reason: 160,
  started: 150,
  client: 140,
  user: 90,
  remote: 140,
  dns_ms: 72,
  connect_ms: 80,
  tls_ms: 72,
  first_byte_ms: 88,
  requests: 76,
  end: 90,
} as const;
export type Column = keyof typeof COLUMNS;

const FIRST: Column[] = [
  'verdict',
  'app',
  'host',
  'port',
  'protocol',
  'route',
  'down',
  'up',
  'down_speed',
  'age',
  'reason',
];
const NUMBERS: Column[] = [
  'port',
  'down',
  'up',
  'down_speed',
  'up_speed',
  'age',
  'dns_ms',
  'connect_ms',
  'tls_ms',
  'first_byte_ms',
  'requests',
];
/** Columns that the engine cannot sort by. */
const UNSORTED: Column[] = ['remote', 'end'];
const KEPT = 'privet.columns';
export const NARROWEST = 40;
export const WIDEST = 800;
/** Root font size in pixels that the stored widths refer to. */
const REM = 16;

export const isNumber = (column: Column) => NUMBERS.includes(column);
export const isSorted = (column: Column) => !UNSORTED.includes(column);
const isColumn = (text: unknown): text is Column => typeof text === 'string' && text in COLUMNS;

interface HistorySettings {
  shown: Column[];
  widths: Partial<Record<Column, number>>;
}

function read(): HistorySettings {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? '') as HistorySettings;
    const shown = kept.shown.filter(isColumn);
    return shown.length > 0 ? { shown, widths: kept.widths } : { shown: FIRST, widths: {} };
  } catch {
    return { shown: FIRST, widths: {} };
  }
}

export class Columns {
  private kept = $state.raw<HistorySettings>(read());
  readonly shown = $derived(this.kept.shown);
  /** For `grid-template-columns`: host and reason take the remaining width. */
  readonly template = $derived(
    this.kept.shown
      .map((column) => {
        const width = `${this.width(column) / REM}rem`;
        return column === 'reason' || column === 'host' ? `minmax(${width}, 1fr)` : width;
      })
      .join(' '),
  );
  /** In rem, so that columns grow with the font size. */
  readonly least = $derived(this.kept.shown.reduce((sum, column) => sum + this.width(column), 0) / REM);

  width(column: Column): number {
    return this.kept.widths[column] ?? COLUMNS[column];
  }

  toggle(column: Column) {
    const shown = this.shown.includes(column)
      ? this.shown.filter((other) => other !== column)
      : [...this.shown, column];
    if (shown.length > 0) this.keep({ ...this.kept, shown });
  }

  move(column: Column, by: number) {
    const at = this.shown.indexOf(column);
    const to = at + by;
    if (at < 0 || to < 0 || to >= this.shown.length) return;
    const shown = this.shown.filter((other) => other !== column);
    shown.splice(to, 0, column);
    this.keep({ ...this.kept, shown });
  }

  /** `pixels` of this page. */
  resize(column: Column, pixels: number) {
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.set(column, (pixels * REM) / rem);
  }

  /** `pixels` refer to a root font size of [`REM`]. */
  widen(column: Column, by: number) {
    this.set(column, this.width(column) + by);
  }

  /** Resets the width. */
  usual(column: Column) {
    this.set(column, COLUMNS[column]);
  }

  private set(column: Column, width: number) {
    const within = Math.min(WIDEST, Math.max(NARROWEST, Math.round(width)));
    this.keep({ ...this.kept, widths: { ...this.kept.widths, [column]: within } });
  }

  reset() {
    this.keep({ shown: FIRST, widths: {} });
  }

  private keep(kept: HistorySettings) {
    this.kept = kept;
    localStorage.setItem(KEPT, JSON.stringify(kept));
  }
}
