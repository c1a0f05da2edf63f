/** HTTP transport: `fetch` with the token in the Authorization header. */
import { readEvents } from './events';
import type { Transport } from './transport';

export function overHttp(token: string): Transport {
  const ask = (method: string, path: string, body?: string, version?: string, signal?: AbortSignal) => {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, 'privet-client': 'page' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (version !== undefined) headers['if-match'] = version;
    return fetch(path, {
      method,
      headers,
      body: body ?? null,
      signal: signal ?? null,
      cache: 'no-store',
      credentials: 'omit',
    });
  };
  const whole = async (response: Response) => ({
    status: response.status,
    text: await response.text(),
    version: response.headers.get('etag') ?? undefined,
  });
  return {
    send: async (method, path, body, version) => whole(await ask(method, path, body, version)),
    async events(path, signal, opened, take) {
      const response = await ask('GET', path, undefined, undefined, signal);
      if (!response.ok) return whole(response);
      opened();
      await readEvents(response, take);
      return undefined;
    },
  };
}

/** Exchanges a login code, which works once, for the token. Undefined: the code is used, too old or wrong. */
export async function exchange(code: string): Promise<string | undefined> {
  const response = await fetch('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
    cache: 'no-store',
    credentials: 'omit',
  });
  return response.ok ? ((await response.json()) as { token: string }).token : undefined;
}
