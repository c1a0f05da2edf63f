/**
 * The window's way: through `privet-desktop`, which carries calls to the control socket. The page sees no token; it may
 * ask for what stands here and nothing else (src-tauri/capabilities/window.json).
 */
import { t } from '../i18n.svelte';
import type { ServerEvent } from './events';
import type { Answer, Transport } from './transport';

type Invoke = <T>(command: string, args?: Record<string, unknown>) => Promise<T>;

/** Why the window has no engine; as `src-tauri/src/attach.rs` tells it. */
export interface AttachError {
  socket: string;
  why:
    | { kind: 'mute'; detail: string }
    | { kind: 'no-program'; looked: string }
    | { kind: 'not-started'; program: string; detail: string }
    | { kind: 'ended'; program: string; status: string; said: string }
    | { kind: 'silent'; program: string; seconds: number };
}

/** A link that waits, or why it is not shown; as `src-tauri/src/link.rs` tells it. */
export type Link = { asks: string } | 'foreign' | 'too-long' | 'unclean';

interface Refusal {
  kind: 'not-running' | 'timed-out' | 'broken' | 'forbidden';
  detail?: string;
}

/** No answer came through the shell. */
export class ShellError extends Error {
  constructor(
    readonly kind: Refusal['kind'],
    message: string,
  ) {
    super(message);
  }
}

function refused(refusal: Refusal): ShellError {
  const detail = refusal.detail ?? '';
  const words = {
    'not-running': t('shell.notRunning', { place: detail }),
    'timed-out': t('shell.timedOut'),
    broken: t('shell.broken', { why: detail }),
    forbidden: t('shell.forbidden', { what: detail }),
  };
  return new ShellError(refusal.kind, words[refusal.kind]);
}

function transport(invoke: Invoke): Transport {
  const ask = async <T>(command: string, args: Record<string, unknown>): Promise<T> => {
    try {
      return await invoke<T>(command, args);
    } catch (error) {
      throw error instanceof Error ? error : refused(error as Refusal);
    }
  };
  return {
    async send(method, path, body) {
      const said = await ask<{ status: number; body: string }>('call', { asked: { method, path, body } });
      return { status: said.status, text: said.body };
    },
    async events(path, signal, opened, take): Promise<Answer | undefined> {
      type Opened = { stream: number } | { refused: { status: number; body: string } };
      const answer = await ask<Opened>('watch', { path });
      if ('refused' in answer) return { status: answer.refused.status, text: answer.refused.body };
      const id = answer.stream;
      const end = () => void invoke('unwatch', { id });
      if (signal.aborted) return void end();
      signal.addEventListener('abort', end, { once: true });
      opened();
      for (;;) {
        const event = await ask<ServerEvent | null>('next', { id });
        if (signal.aborted || !event) return undefined;
        take(event);
      }
    },
  };
}

export interface Shell {
  transport: Transport;
  /** Finds the engine or starts one; throws [`AttachError`]. */
  attach(): Promise<void>;
  /** The link this window was opened with, once. */
  link(): Promise<Link | undefined>;
}

function here(): Shell | undefined {
  const internals = (globalThis as { __TAURI_INTERNALS__?: { invoke: Invoke } }).__TAURI_INTERNALS__;
  if (!internals) return undefined;
  const invoke: Invoke = (command, args) => internals.invoke(command, args);
  return {
    transport: transport(invoke),
    attach: () => invoke('attach'),
    link: async () => (await invoke<Link | null>('link')) ?? undefined,
  };
}

/** The window's shell; absent in a browser. */
export const shell = here();
