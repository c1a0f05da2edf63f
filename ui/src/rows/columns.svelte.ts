/** Visible columns of a table, their order and widths; stored in this browser. */
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
  inspection: 100,
  end: 90,
} as const;
export type Column = keyof typeof COLUMNS;

/** Widths of the columns of requests. */
export const REQUEST_COLUMNS = {
  started: 150,
  method: 72,
  url: 260,
  status: 64,
  type: 120,
  down: 72,
  up: 72,
  first_byte_ms: 88,
  total_ms: 80,
  cache: 80,
  scan: 80,
  route: 96,
  client: 140,
  user: 90,
  dns_ms: 72,
  connect_ms: 80,
  tls_ms: 72,
} as const;
export type RequestColumn = keyof typeof REQUEST_COLUMNS;

/** What is particular to one table. */
export interface ColumnSet<C extends string> {
  widths: Readonly<Record<C, number>>;
  /** The columns shown first. */
  first: readonly C[];
  numbers: readonly C[];
  /** Columns that the engine cannot sort by. */
  unsorted: readonly C[];
  /** Columns that take the remaining width. */
  wide: readonly C[];
  /** The key in this browser's storage. */
  kept: string;
}

export const CONNECTIONS: ColumnSet<Column> = {
  widths: COLUMNS,
  first: ['verdict', 'app', 'host', 'port', 'protocol', 'route', 'down', 'up', 'down_speed', 'age', 'reason'],
  numbers: [
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
  ],
  unsorted: ['remote', 'inspection', 'end'],
  wide: ['host', 'reason'],
  kept: 'privet.columns',
};

export const REQUESTS: ColumnSet<RequestColumn> = {
  widths: REQUEST_COLUMNS,
  first: ['started', 'method', 'url', 'status', 'type', 'down', 'total_ms', 'cache', 'route'],
  numbers: ['status', 'down', 'up', 'first_byte_ms', 'total_ms', 'dns_ms', 'connect_ms', 'tls_ms'],
  unsorted: ['route', 'client', 'user', 'dns_ms', 'connect_ms', 'tls_ms'],
  wide: ['url'],
  kept: 'privet.requests.columns',
};

export const NARROWEST = 40;
export const WIDEST = 800;
/** Root font size in pixels that the stored widths refer to. */
const REM = 16;

interface Kept<C extends string> {
  shown: readonly C[];
  widths: Partial<Record<C, number>>;
}

function read<C extends string>({ widths, first, kept }: ColumnSet<C>): Kept<C> {
  const usual: Kept<C> = { shown: first, widths: {} };
  try {
    const stored = JSON.parse(localStorage.getItem(kept) ?? '') as Kept<C>;
    const shown = stored.shown.filter((column) => column in widths);
    return shown.length > 0 ? { shown, widths: stored.widths } : usual;
  } catch {
    return usual;
  }
}

export class Columns<C extends string> {
  private kept = $state.raw<Kept<C>>({ shown: [], widths: {} });
  readonly shown = $derived(this.kept.shown);
  /** For `grid-template-columns`. */
  readonly template = $derived(
    this.kept.shown
      .map((column) => {
        const width = `${this.width(column) / REM}rem`;
        return this.set.wide.includes(column) ? `minmax(${width}, 1fr)` : width;
      })
      .join(' '),
  );
  /** In rem, so that columns grow with the font size. */
  readonly least = $derived(this.kept.shown.reduce((sum, column) => sum + this.width(column), 0) / REM);

  constructor(readonly set: ColumnSet<C>) {
    this.kept = read(set);
  }

  /** All columns, those that are shown first. */
  get all(): C[] {
    const hidden = (Object.keys(this.set.widths) as C[]).filter((column) => !this.shown.includes(column));
    return [...this.shown, ...hidden];
  }

  isNumber(column: C): boolean {
    return this.set.numbers.includes(column);
  }

  isSorted(column: C): boolean {
    return !this.set.unsorted.includes(column);
  }

  width(column: C): number {
    return this.kept.widths[column] ?? this.set.widths[column];
  }

  toggle(column: C) {
    const shown = this.shown.includes(column)
      ? this.shown.filter((other) => other !== column)
      : [...this.shown, column];
    if (shown.length > 0) this.keep({ ...this.kept, shown });
  }

  move(column: C, by: number) {
    const at = this.shown.indexOf(column);
    const to = at + by;
    if (at < 0 || to < 0 || to >= this.shown.length) return;
    const shown = this.shown.filter((other) => other !== column);
    shown.splice(to, 0, column);
    this.keep({ ...this.kept, shown });
  }

  /** `pixels` of this page. */
  resize(column: C, pixels: number) {
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.store(column, (pixels * REM) / rem);
  }

  /** `pixels` refer to a root font size of [`REM`]. */
  widen(column: C, by: number) {
    this.store(column, this.width(column) + by);
  }

  /** Resets the width. */
  usual(column: C) {
    this.store(column, this.set.widths[column]);
  }

  private store(column: C, width: number) {
    const within = Math.min(WIDEST, Math.max(NARROWEST, Math.round(width)));
    this.keep({ ...this.kept, widths: { ...this.kept.widths, [column]: within } });
  }

  reset() {
    this.keep({ shown: this.set.first, widths: {} });
  }

  private keep(kept: Kept<C>) {
    this.kept = kept;
    localStorage.setItem(this.set.kept, JSON.stringify(kept));
  }
}
