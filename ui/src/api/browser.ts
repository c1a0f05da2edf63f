/** HTTP transport: `fetch` with the token in the Authorization header. */
import { readEvents } from './events';
import type { Transport } from './transport';

export function overHttp(token: string): Transport {
  const ask = (method: string, path: string, body?: string, signal?: AbortSignal) => {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, 'privet-client': 'page' };
    if (body !== undefined) headers['content-type'] = 'application/json';
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
  });
  return {
    send: async (method, path, body) => whole(await ask(method, path, body)),
    async events(path, signal, opened, take) {
      const response = await ask('GET', path, undefined, signal);
      if (!response.ok) return whole(response);
      opened();
      await readEvents(response, take);
      return undefined;
    },
  };
}
