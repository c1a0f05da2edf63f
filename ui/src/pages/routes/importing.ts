/** Parses a list of proxies, one address per line, with or without scheme, user and name. Pure. */
import type { Upstream } from '../../config/shape';
import { decodePercent } from '../../decode';

/** Maximum number of lines. */
export const MOST_LINES = 500;
const SCHEMES = ['socks5', 'socks5h', 'socks4', 'socks4a', 'http', 'https'];

export interface Read {
  upstreams: Upstream[];
  /** Numbers of lines that are not an address, from 1. */
  unread: number[];
  /** Upstreams whose line had a password. It is dropped, because the file would contain it in plain text. */
  locked: string[];
}

function parse(line: string): URL | undefined {
  const whole = /^[a-z0-9]+:\/\//i.test(line) ? line : `socks5://${line}`;
  const scheme = whole.slice(0, whole.indexOf(':')).toLowerCase();
  if (!SCHEMES.includes(scheme)) return undefined;
  try {
    // `URL` parses no host for unknown schemes, so http stands in.
    const url = new URL(whole.replace(/^[a-z0-9]+:/i, 'http:'));
    return url.hostname && /:\d+$/.test(whole.replace(/^[a-z0-9]+:\/\//i, '').split(/[/#?]/)[0] ?? '')
      ? url
      : undefined;
  } catch {
    return undefined;
  }
}

function free(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name); n += 1) name = `${wanted}-${n}`;
  taken.add(name);
  return name;
}

export function readProxies(text: string, known: readonly Upstream[]): Read {
  const taken = new Set(known.map((upstream) => upstream.name));
  const read: Read = { upstreams: [], unread: [], locked: [] };
  for (const [at, written] of text.split(/\r?\n/).slice(0, MOST_LINES).entries()) {
    const line = written.trim();
    if (line === '' || line.startsWith('#') || line.startsWith('//')) continue;
    const url = parse(line);
    if (!url) {
      read.unread.push(at + 1);
      continue;
    }
    const scheme = (/^([a-z0-9]+):\/\//i.exec(line)?.[1] ?? 'socks5')
      .toLowerCase()
      .replace('socks5h', 'socks5');
    const port = url.port || '80';
    const name = free(decodePercent(url.hash.slice(1)).trim() || url.hostname.replace(/[[\]]/g, ''), taken);
    if (url.password) read.locked.push(name);
    read.upstreams.push({
      name,
      url: `${scheme}://${url.hostname}:${port}`,
      ...(url.username ? { username: decodePercent(url.username) } : {}),
    });
  }
  return read;
}
