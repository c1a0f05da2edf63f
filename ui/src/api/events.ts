/** Server-sent events read from a fetch, since EventSource cannot send a token. */

export interface ServerEvent {
  name: string;
  data: string;
}

/** Cuts text that arrives in pieces into events (HTML standard, section 9.2.6). */
export class EventCutter {
  private rest = '';
  private name = '';
  private data: string[] = [];

  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const text = this.rest + piece;
    // A CR at the very end may be half of a CRLF.
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = this.line(line);
      if (event) events.push(event);
    }
    return events;
  }

  private line(line: string): ServerEvent | undefined {
    if (line === '') {
      const event = { name: this.name || 'message', data: this.data.join('\n') };
      const any = this.data.length > 0;
      this.name = '';
      this.data = [];
      return any ? event : undefined;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.name = value;
    if (field === 'data') this.data.push(value);
    return undefined;
  }
}

/** Reads a stream to its end and hands on each event. */
export async function readEvents(response: Response, take: (event: ServerEvent) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  const cutter = new EventCutter();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    cutter.push(value).forEach(take);
  }
}
