/** Numbers, sizes and times as people read them. Pure: the language comes as an argument. */

const formats = new Map<string, Intl.NumberFormat>();

function format(language: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.NumberFormat(language, options);
    formats.set(key, made);
  }
  return made;
}

const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** 1,000 bytes are a kilobyte. */
export function bytes(count: number, language: string): string {
  let rank = 0;
  let value = count;
  while (value >= 999.5 && rank < SIZES.length - 1) {
    value /= 1000;
    rank += 1;
  }
  if (rank === 0) return `${format(language, {}).format(Math.round(value))} B`;
  const digits = value >= 99.5 ? 0 : 1;
  const options = { style: 'unit', unit: SIZES[rank], unitDisplay: 'short' } as const;
  return format(language, {
    ...options,
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  }).format(value);
}

export function speed(bytesASecond: number, language: string): string {
  return `${bytes(bytesASecond, language)}/s`;
}

export function count(value: number, language: string): string {
  return format(language, { maximumFractionDigits: 0 }).format(value);
}

const SPANS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** The largest unit that fits, and what is left in the next one while the first is small: "2 h 5 min". */
export function span(ms: number, language: string): string {
  const unit = (name: string, value: number) =>
    format(language, { style: 'unit', unit: name, unitDisplay: 'short' }).format(value);
  for (const [at, [name, size]] of SPANS.entries()) {
    if (ms < size) continue;
    const whole = Math.floor(ms / size);
    const next = SPANS[at + 1];
    const rest = next ? Math.floor((ms % size) / next[1]) : 0;
    return next && rest > 0 && whole < 10 ? `${unit(name, whole)} ${unit(next[0], rest)}` : unit(name, whole);
  }
  return unit('second', 0);
}

export function millis(ms: number, language: string): string {
  const digits = ms < 9.95 ? 1 : 0;
  const options = { style: 'unit', unit: 'millisecond', unitDisplay: 'short' } as const;
  return format(language, { ...options, maximumFractionDigits: digits }).format(ms);
}

/** mm:ss, or h:mm:ss: for what runs out. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const pad = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${pad(m)}:${pad(s)}`;
}

export function moment(ms: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(ms);
}

export function timeOfDay(ms: number, language: string): string {
  return new Intl.DateTimeFormat(language, { timeStyle: 'medium' }).format(ms);
}

/** "5 minutes ago". */
export function ago(ms: number, now: number, language: string): string {
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const passed = now - ms;
  for (const [name, size] of SPANS) {
    if (Math.abs(passed) >= size) return relative.format(-Math.round(passed / size), name);
  }
  return relative.format(0, 'second');
}
