import { describe, expect, it } from 'vitest';
import { withQuery } from './client';
import { readEvents, type ServerEvent } from './events';
import { retryDelay } from './watch';

const STREAM =
  ': hello\nevent: status\ndata: {"a":1}\n\ndata: one\r\ndata: two\r\n\r\nevent: empty\n\nevent: x\rdata:y\r\r';
const EVENTS = [
  { name: 'status', data: '{"a":1}' },
  { name: 'message', data: 'one\ntwo' },
];

async function eventsOf(pieces: string[]): Promise<ServerEvent[]> {
  const bytes = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(bytes.encode(piece));
      controller.close();
    },
  });
  const events: ServerEvent[] = [];
  await readEvents(new Response(body), (event) => events.push(event));
  return events;
}

describe('the event stream', () => {
  it('gives the same events wherever it is cut', async () => {
    for (let at = 0; at <= STREAM.length; at += 1) {
      const events = await eventsOf([STREAM.slice(0, at), STREAM.slice(at), '\n']);
      expect(events, `cut at ${at}`).toEqual([...EVENTS, { name: 'x', data: 'y' }]);
    }
  });

  it('is tried again later and later, but never very late', () => {
    expect([0, 1, 2, 9].map(retryDelay)).toEqual([500, 1000, 2000, 8000]);
  });
});

describe('a query', () => {
  it('has only what has a value, escaped', () => {
    expect(withQuery('/x', { a: '', b: undefined, c: 0 })).toBe('/x?c=0');
    expect(withQuery('/x', { filter: 'up>1M & a' })).toBe('/x?filter=up%3E1M+%26+a');
    expect(withQuery('/x', {})).toBe('/x');
  });
});
