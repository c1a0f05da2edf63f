/** Who we speak to and how it is: the token or the shell, the engine's status as it arrives, and whether it arrives. */
import { overHttp } from './api/browser';
import { CallError, Client, type Status } from './api/client';
import { shell, ShellError, type AttachError } from './api/shell';
import { watch, type Watch } from './api/watch';

const KEPT = 'privet.token';
/** Seconds that the speed graph looks back. */
export const GRAPH_SECONDS = 300;

/** `attaching` and `stranded` are the window's alone: it looks for an engine, and found none. */
export type Phase = 'token' | 'wrong-token' | 'attaching' | 'attach-failed' | 'connecting' | 'live' | 'lost';

export interface Sample {
  up: number;
  down: number;
}

class Session {
  phase = $state<Phase>('token');
  status = $state.raw<Status | undefined>();
  /** Bytes a second, one sample a second, newest last. */
  speeds = $state.raw<Sample[]>([]);
  /** Milliseconds since 1970; moves once a second while the page is seen. */
  now = $state(Date.now());
  retryAt = $state(0);
  why = $state('');
  /** No engine runs any more: known in the window, where somebody would answer. */
  stopped = $state(false);
  attachError = $state.raw<AttachError | undefined>();
  client = new Client(shell?.transport ?? overHttp(''));
  private stream: Watch | undefined;
  private last: { up: number; down: number; at: number } | undefined;

  /** In the window: finds the engine. Else takes the token from the address (and out of it) or from this tab's memory. */
  start() {
    setInterval(() => this.tick(), 1000);
    if (shell) {
      void this.attach();
      return;
    }
    const given = new URLSearchParams(location.hash.slice(1)).get('token');
    if (given !== null) history.replaceState(null, '', location.pathname);
    const token = given || sessionStorage.getItem(KEPT);
    if (token) this.use(token);
  }

  /** Signs in with a token. */
  use(token: string) {
    sessionStorage.setItem(KEPT, token.trim());
    this.client = new Client(overHttp(token.trim()));
    this.connect();
  }

  /** Finds the engine or starts one, where the shell can. */
  async attach() {
    if (!shell || this.phase === 'attaching') return;
    this.stream?.stop();
    this.phase = 'attaching';
    try {
      await shell.attach();
      this.connect();
    } catch (error) {
      this.attachError = error as AttachError;
      this.phase = 'attach-failed';
    }
  }

  /** Opens the stream of states anew, at once. */
  connect() {
    this.stream?.stop();
    this.phase = 'connecting';
    this.stream = watch(this.client, '/events?topics=status', {
      opened: () => (this.phase = 'live'),
      event: ({ name, data }) => {
        if (name === 'status') this.status = JSON.parse(data) as Status;
      },
      lost: (error, again) => this.lost(error, again),
    });
  }

  forget() {
    this.stream?.stop();
    sessionStorage.removeItem(KEPT);
    this.status = undefined;
    this.phase = 'token';
  }

  private lost(error: unknown, again: number | undefined) {
    const denied = error instanceof CallError && error.status === 401;
    if (denied) sessionStorage.removeItem(KEPT);
    this.phase = denied ? 'wrong-token' : 'lost';
    this.stopped = error instanceof ShellError && error.kind === 'not-running';
    this.why = error instanceof CallError ? error.message : '';
    this.retryAt = Date.now() + (again ?? 0);
  }

  private tick() {
    if (document.hidden) {
      this.last = undefined;
      return;
    }
    this.now = Date.now();
    const totals = this.status?.totals;
    if (!totals || this.phase !== 'live') return;
    const { up, down } = totals;
    const before = this.last;
    this.last = { up, down, at: this.now };
    if (!before || this.now <= before.at) return;
    const seconds = (this.now - before.at) / 1000;
    const speed = (now: number, then: number) => Math.max(0, now - then) / seconds;
    const sample = { up: speed(up, before.up), down: speed(down, before.down) };
    this.speeds = [...this.speeds.slice(1 - GRAPH_SECONDS), sample];
  }
}

export const session = new Session();
