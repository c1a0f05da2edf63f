/** Calls of the control API. The token goes in a header and nowhere else. */
import type { components } from './schema';

export type Schema = components['schemas'];
export type Status = Schema['Status'];
export type Row = Schema['RowView'];
export type Page = Schema['Page'];
export type Problem = Schema['Problem'];
export type Change = Schema['Change'];
export type Explanation = Schema['Explanation'];
export type Outlets = Schema['Outlets'];
export type List = Schema['List'];
export type LogLine = Schema['LogLine'];
export type Usage = Schema['Usage'];

/** An answer that is not a success, with the sentence the engine gave. */
export class CallError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly problem?: Problem,
  ) {
    super(message);
  }
}

type Value = string | number | boolean | undefined | null;

/** A path with those parameters that have a value. */
export function withQuery(path: string, query: Record<string, Value>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') params.set(key, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

export class Client {
  constructor(readonly token: string) {}

  get<T>(path: string, query: Record<string, Value> = {}): Promise<T> {
    return this.call<T>('GET', withQuery(path, query));
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** The raw answer, for streams; throws on anything but success. */
  async send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.token}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
      cache: 'no-store',
      credentials: 'omit',
    });
    if (!response.ok) throw await failure(response);
    return response;
  }
}

async function failure(response: Response): Promise<CallError> {
  const text = await response.text().catch(() => '');
  try {
    const problem = JSON.parse(text) as Problem;
    const sentence = [problem.detail, problem.help].filter(Boolean).join(' ');
    return new CallError(response.status, sentence, problem);
  } catch {
    return new CallError(response.status, text || `${response.status} ${response.statusText}`);
  }
}
