/** Parses `privet:` links. Pure. */
import type { Upstream } from '../config/shape';
import { PAGES, type PageName } from '../page-names';

export type LinkAction = { page: PageName } | { upstreams: Upstream[] } | { error: 'unknown' | 'noUpstream' };

/** More upstreams than a person would review. */
const MOST_UPSTREAMS = 16;
const LONGEST_NAME = 32;

export function parseLink(link: string): LinkAction {
  const [what = '', query = ''] = link.replace(/^privet:(\/\/)?/, '').split('?', 2);
  const page = PAGES.find((name) => what === `page/${name}`);
  if (page) return { page };
  if (what !== 'import') return { error: 'unknown' };
  const params = new URLSearchParams(query);
  const urls = params.getAll('upstream').filter((url) => url.trim() !== '');
  if (urls.length === 0 || urls.length > MOST_UPSTREAMS) return { error: 'noUpstream' };
  const names = params.getAll('name');
  return { upstreams: urls.map((url, at) => ({ name: nameOf(names[at], url), url })) };
}

/** The given name, or the first label of the host. */
function nameOf(given: string | undefined, url: string): string {
  const host = /^[a-z0-9+]+:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/]*)/i.exec(url)?.[1] ?? '';
  const label = /^[\d.]+$|^\[/.test(host) ? host : (host.split('.')[0] ?? '');
  const clean = (text: string) =>
    text
      .replace(/[^\p{L}\p{N}_-]+/gu, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, LONGEST_NAME);
  return clean(given ?? '') || clean(label) || 'upstream';
}

/** The name, with a number appended if it is taken. */
export function free(name: string, taken: readonly string[]): string {
  if (!taken.includes(name)) return name;
  for (let number = 2; ; number += 1) {
    const next = `${name}-${number}`;
    if (!taken.includes(next)) return next;
  }
}
