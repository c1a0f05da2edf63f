/** Server-sent events read from `fetch`: `EventSource` cannot send an Authorization header. */
import { EventSourceParserStream } from 'eventsource-parser/stream';

export interface ServerEvent {
  name: string;
  data: string;
}

/** Reads the stream to its end and calls `onEvent` for each event. */
export async function readEvents(response: Response, onEvent: (event: ServerEvent) => void): Promise<void> {
  const reader = response.body
    ?.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  if (!reader) return;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onEvent({ name: value.event ?? 'message', data: value.data });
  }
}
