/**
 * Transport of the desktop window: Tauri commands of `privet-desktop`, which forwards calls to the control socket. The
 * page sees no token and may invoke only these commands (src-tauri/capabilities/window.json).
 */
import { t } from '../i18n.svelte';
import type { Outbounds, Schema, Status, Usage } from './client';
import type { ServerEvent } from './events';
import type { Answer, Transport } from './transport';

type Invoke = <T>(command: string, args?: Record<string, unknown>) => Promise<T>;

/** Why the window has no engine; `AttachError` of `src-tauri/src/attach.rs`. */
export interface AttachError {
  socket: string;
  reason:
    | { kind: 'unresponsive'; detail: string }
    | { kind: 'program-not-found'; searched: string }
    | { kind: 'spawn-failed'; program: string; detail: string }
    | { kind: 'exited'; program: string; status: string; stderr: string }
    | { kind: 'start-timeout'; program: string; seconds: number };
}

/** A pending link, or why it was rejected; `Link` of `src-tauri/src/link.rs`. */
export type Link = { valid: string } | 'wrong-scheme' | 'too-long' | 'invalid-characters';

/** What a running engine answered while the window started (`src-tauri/src/startup.rs`). */
export interface FirstAnswers {
  status: Status;
  first_run: Schema['FirstRun'];
  upstreams: Outbounds;
  /** Of today, by verdict. */
  usage: Usage | null;
}

/** Answers that are older were given before this page was loaded again. */
const FRESH_MS = 5000;

/** `CallError` of `src-tauri/src/call.rs`. */
interface ShellFailure {
  kind: 'not-running' | 'timed-out' | 'broken' | 'forbidden';
  detail?: string;
}

/** A call failed in the shell, before any response of the engine. */
export class ShellError extends Error {
  constructor(
    readonly kind: ShellFailure['kind'],
    message: string,
  ) {
    super(message);
  }
}

function shellError(failure: ShellFailure): ShellError {
  const detail = failure.detail ?? '';
  const messages = {
    'not-running': t('shell.notRunning', { place: detail }),
    'timed-out': t('shell.timedOut'),
    broken: t('shell.broken', { why: detail }),
    forbidden: t('shell.forbidden', { what: detail }),
  };
  return new ShellError(failure.kind, messages[failure.kind]);
}

function transport(invoke: Invoke): Transport {
  const ask = async <T>(command: string, args: Record<string, unknown>): Promise<T> => {
    try {
      return await invoke<T>(command, args);
    } catch (error) {
      throw error instanceof Error ? error : shellError(error as ShellFailure);
    }
  };
  return {
    async send(method, path, body, version) {
      const response = await ask<{ status: number; body: string; etag: string | null }>('call', {
        request: { method, path, body, if_match: version },
      });
      return { status: response.status, text: response.body, version: response.etag ?? undefined };
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
  /** Present where an engine ran when the window started. */
  first: FirstAnswers | undefined;
  /** Attaches to the engine or starts one; throws an [`AttachError`]. */
  attach(): Promise<void>;
  /** Takes the link that the window was opened with. */
  link(): Promise<Link | undefined>;
}

function detectShell(): Shell | undefined {
  const internals = (globalThis as { __TAURI_INTERNALS__?: { invoke: Invoke } }).__TAURI_INTERNALS__;
  if (!internals) return undefined;
  const invoke: Invoke = (command, args) => internals.invoke(command, args);
  return {
    transport: transport(invoke),
    first: firstAnswers(),
    attach: () => invoke('attach'),
    link: async () => (await invoke<Link | null>('link')) ?? undefined,
  };
}

function firstAnswers(): FirstAnswers | undefined {
  const given = (globalThis as { __PRIVET_START__?: FirstAnswers & { at: number } }).__PRIVET_START__;
  return given && Math.abs(Date.now() - given.at) < FRESH_MS ? given : undefined;
}

/** The window's shell; absent in a browser. */
export const shell = detectShell();
