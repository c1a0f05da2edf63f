/** Formats numbers, sizes and times. Pure: the locale is an argument. */

/** Caches `Intl` formatters: creating one costs about a hundred times as much as using it. */
function once<K, T>(make: (key: K, language: string) => T): (key: K, language: string) => T {
  const made = new Map<string, Map<K, T>>();
  return (key, language) => {
    let ofLanguage = made.get(language);
    if (!ofLanguage) made.set(language, (ofLanguage = new Map<K, T>()));
    let one = ofLanguage.get(key);
    if (one === undefined) ofLanguage.set(key, (one = make(key, language)));
    return one;
  };
}

const shares = once(
  (most: 0 | 1, language) =>
    new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: most }),
);

/** A part of 1 in per cent, with a decimal below 10 %. */
export function share(part: number, language: string): string {
  return shares(part > 0 && part < 0.0995 ? 1 : 0, language).format(part);
}

type Unit = 'plain' | 'count' | `${string}:${0 | 1}:${0 | 1}`;

/** "plain", "count" (no decimals), or a unit with minimum and maximum decimals: "byte:0:1". */
const numbers = once((key: Unit, language) => {
  if (key === 'plain') return new Intl.NumberFormat(language);
  if (key === 'count') return new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
  const [unit, least, most] = key.split(':');
  return new Intl.NumberFormat(language, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    minimumFractionDigits: Number(least),
    maximumFractionDigits: Number(most),
  });
});

const dates = once((key: 'moment' | 'time' | 'hour' | 'day', language) => {
  if (key === 'day') return new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
  if (key === 'hour') return new Intl.DateTimeFormat(language, { timeStyle: 'short' });
  const timeStyle = 'medium' as const;
  return new Intl.DateTimeFormat(
    language,
    key === 'moment' ? { dateStyle: 'medium', timeStyle } : { timeStyle },
  );
});

const relatives = once((_: 'ago', language) => new Intl.RelativeTimeFormat(language, { numeric: 'auto' }));

const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Decimal units: a kilobyte is 1,000 bytes. */
export function bytes(count: number, language: string): string {
  return size(count, '', language);
}

export function speed(bytesASecond: number, language: string): string {
  return size(bytesASecond, '-per-second', language);
}

function size(count: number, per: '' | '-per-second', language: string): string {
  let rank = 0;
  let value = count;
  while (value >= 999.5 && rank < SIZES.length - 1) {
    value /= 1000;
    rank += 1;
  }
  if (rank === 0) return `${numbers('plain', language).format(Math.round(value))} ${per ? 'B/s' : 'B'}`;
  const digits = value >= 99.5 ? 0 : 1;
  return numbers(`${SIZES[rank] ?? 'byte'}${per}:${digits}:${digits}`, language).format(value);
}

export function count(value: number, language: string): string {
  return numbers('count', language).format(value);
}

const SPANS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** The largest unit that fits, with the next smaller one if the first is below 10: "2 h 5 min". */
export function span(ms: number, language: string): string {
  const unit = (name: string, value: number) => numbers(`${name}:0:0`, language).format(value);
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
  return numbers(`millisecond:0:${ms < 9.95 ? 1 : 0}`, language).format(ms);
}

/** Countdown as mm:ss or h:mm:ss. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const pad = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${pad(m)}:${pad(s)}`;
}

export function day(ms: number, language: string): string {
  return dates('day', language).format(ms);
}

export function moment(ms: number, language: string): string {
  return dates('moment', language).format(ms);
}

export function timeOfDay(ms: number, language: string): string {
  return dates('time', language).format(ms);
}

/** The time of day without its seconds. */
export function hour(ms: number, language: string): string {
  return dates('hour', language).format(ms);
}

/** "5 minutes ago". */
export function ago(ms: number, now: number, language: string): string {
  const relative = relatives('ago', language);
  const passed = now - ms;
  for (const [name, size] of SPANS) {
    if (Math.abs(passed) >= size) return relative.format(-Math.round(passed / size), name);
  }
  return relative.format(0, 'second');
}
