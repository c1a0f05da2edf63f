/** Commands of the palette. */
import { type Row, type Schema, withQuery } from './api/client';
import { shell } from './api/shell';
import { copy } from './copy';
import { setMode, PAUSES } from './modes';
import { notices } from './notices.svelte';
import { outbounds } from './outbounds.svelte';
import { PAGES, router } from './router.svelte';
import { millis } from './localized';
import { modeName } from './state-text';
import { session } from './session.svelte';
import { hasSwitch, systemProxy } from './system-proxy.svelte';
import { THEMES, themes } from './theme.svelte';
import { LANGUAGES, t, i18n, type Language } from './i18n.svelte';

export interface Command {
  name: string;
  run: () => unknown;
}

export async function newIdentity(): Promise<void> {
  await session.client.call('POST', '/identity');
  notices.show(t('identity.done'));
}

/** Closes one connection. This cannot be undone. */
export async function closeOne(row: Row | undefined): Promise<void> {
  if (row?.state !== 'active') return;
  await session.client.call('DELETE', `/connections/${row.id}`);
  notices.show(t('connections.closedOne', { target: `${row.host}:${row.port}` }));
}

/** Closes what matches; with `ids`, only connections with these ids. */
export async function closeMatching(filter: string, ids?: number[]): Promise<void> {
  const path = withQuery('/connections', { filter: filter || '*', ids: ids?.join(',') });
  const { closed } =
    ids?.length === 0 ? { closed: 0 } : await session.client.call<Schema['Closed']>('DELETE', path);
  notices.show(closed > 0 ? t('connections.closed', { count: closed }) : t('connections.closedNone'));
}

/** Turns the system proxy on; if that replaces another proxy, Home asks first. */
async function turnSystemProxyOn(): Promise<void> {
  await systemProxy.turnOn();
  if (systemProxy.replaced) router.go('home');
}

/** Tests an upstream and shows the result as a notice. */
async function testUpstream(name: string): Promise<void> {
  const path = `/upstreams/${encodeURIComponent(name)}/test`;
  const { ok, connect_ms, error } = await session.client.call<Schema['UpstreamTest']>('POST', path);
  if (!ok) throw new Error(error ?? t('hop.down'));
  notices.show(`${name}: ${t('test.connect', { time: millis(connect_ms ?? 0) })}`);
}

export function commands(onshortcuts: () => void): Command[] {
  const modes = session.status?.mode.available ?? [];
  return [
    ...PAGES.map((page) => ({
      name: t('palette.go', { page: t(`page.${page}`) }),
      run: () => router.go(page),
    })),
    ...modes.map((mode) => ({
      name: t('palette.mode', { mode: modeName(mode) }),
      run: () => setMode(mode),
    })),
    ...PAUSES.map((pause) => ({
      name: t('palette.pause', { time: t(`pause.${pause}`) }),
      run: () => setMode('off', pause),
    })),
    ...(session.status?.mode.then
      ? [{ name: t('mode.resume'), run: () => setMode(session.status?.mode.then ?? 'standard') }]
      : []),
    ...(hasSwitch()
      ? [
          { name: t('palette.proxyOn'), run: turnSystemProxyOn },
          { name: t('palette.proxyOff'), run: () => systemProxy.turnOff() },
        ]
      : []),
    { name: t('palette.addUpstream'), run: () => router.go('routes', 'upstream') },
    { name: t('palette.addGroup'), run: () => router.go('routes', 'group') },
    { name: t('palette.import'), run: () => router.go('routes', 'import') },
    ...(outbounds.data?.upstreams ?? []).map(({ name }) => ({
      name: t('test.of', { name }),
      run: () => testUpstream(name),
    })),
    ...(session.status?.listeners ?? []).map(({ address }) => ({
      name: t('palette.copy', { address }),
      run: () => copy(address),
    })),
    { name: t('palette.closed'), run: () => router.go('connections', 'closed:') },
    { name: t('palette.requests'), run: () => router.go('connections', 'requests:') },
    { name: t('palette.blocked'), run: () => router.go('connections', 'blocked:') },
    { name: t('identity.new'), run: newIdentity },
    { name: t('palette.closeAll'), run: () => closeMatching('*') },
    ...THEMES.map((theme) => ({
      name: t('palette.theme', { theme: t(`theme.${theme}`) }),
      run: () => themes.choose(theme),
    })),
    ...Object.entries(LANGUAGES).map(([language, name]) => ({
      name: t('palette.language', { name }),
      run: () => i18n.choose(language as Language),
    })),
    { name: t('keys.head'), run: onshortcuts },
    ...(shell ? [] : [{ name: t('token.forget'), run: () => session.forget() }]),
  ];
}
