/** Client of the control API over either transport. */
import type { ServerEvent } from './events';
import type { components } from './schema';
import type { Answer, Transport } from './transport';

export type Schema = components['schemas'];
export type Status = Schema['Status'];
export type Row = Schema['ConnectionRow'];
export type Page = Schema['ConnectionPage'];
export type RequestRow = Schema['RequestRow'];
export type RequestPage = Schema['RequestPage'];
export type Problem = Schema['Problem'];
export type Change = Schema['Change'];
export type TimelineEntry = Schema['TimelineEntry'];
export type RuleView = Schema['Rule'];
export type Explanation = Schema['Explanation'];
export type Outbounds = Schema['Outbounds'];
export type List = Schema['List'];
export type LogLine = Schema['LogLine'];
export type Usage = Schema['Usage'];

/** A response with an error status, with the engine's message. */
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

/** A path with query parameters; empty ones are left out. */
export function withQuery(path: string, query: Record<string, Value>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') params.set(key, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

const API = '/api/v1';

export class Client {
  constructor(private readonly transport: Transport) {}

  get<T>(path: string, query: Record<string, Value> = {}): Promise<T> {
    return this.call<T>('GET', withQuery(path, query));
  }

  /** Throws a [`CallError`] on anything but success. `version`: refused if the engine has another one. */
  async call<T>(method: string, path: string, body?: unknown, version?: string): Promise<T> {
    const { text } = await this.send(method, path, body, version);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** As `get`, with the version of what was read. */
  async getVersioned<T>(path: string): Promise<{ data: T; version: string | undefined }> {
    const { text, version } = await this.send('GET', path);
    return { data: JSON.parse(text) as T, version };
  }

  /** The response body as text; throws a [`CallError`] on anything but success. */
  async text(method: string, path: string, body?: unknown): Promise<string> {
    return (await this.send(method, path, body)).text;
  }

  private async send(method: string, path: string, body?: unknown, version?: string): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.transport.send(method, API + path, text, version);
    if (answer.status < 200 || answer.status > 299) throw failure(answer);
    return answer;
  }

  /** Calls `onEvent` for each event until the stream ends or `signal` aborts. */
  async events(
    path: string,
    signal: AbortSignal,
    opened: () => void,
    take: (event: ServerEvent) => void,
  ): Promise<void> {
    const refused = await this.transport.events(API + path, signal, opened, take);
    if (refused) throw failure(refused);
  }
}

function failure({ status, text }: Answer): CallError {
  try {
    const problem = JSON.parse(text) as Problem;
    const sentence = [problem.detail, problem.help].filter(Boolean).join(' ');
    return new CallError(status, sentence, problem);
  } catch {
    return new CallError(status, text || String(status));
  }
}
