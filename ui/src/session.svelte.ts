/** The connection to the engine: login, live status, and whether it is connected. */
import { exchange, overHttp } from './api/browser';
import { CallError, Client, type Status } from './api/client';
import { shell, ShellError, type AttachError } from './api/shell';
import { watch, type Watch } from './api/watch';
import { afterFrame } from './frame';

const KEPT = 'privet.token';
/** Time range of the speed graph in seconds. */
export const GRAPH_SECONDS = 300;

/** `attaching` and `attach-failed` occur only in the window, which finds or starts the engine. */
export type Phase =
  'token' | 'wrong-token' | 'used-code' | 'attaching' | 'attach-failed' | 'connecting' | 'live' | 'lost';

export interface Sample {
  up: number;
  down: number;
}

class Session {
  phase = $state<Phase>('token');
  status = $state.raw<Status | undefined>();
  /** Bytes per second, one sample a second, newest last. */
  speeds = $state.raw<Sample[]>([]);
  /** Milliseconds since 1970, updated once a second while the page is visible. */
  now = $state(Date.now());
  retryAt = $state(0);
  why = $state('');
  /** The engine has stopped. Only the window can tell this from a lost connection. */
  stopped = $state(false);
  attachError = $state.raw<AttachError | undefined>();
  client = new Client(shell?.transport ?? overHttp(''));
  private stream: Watch | undefined;
  private last: { up: number; down: number; at: number } | undefined;

  /** In the window: attaches to the engine. In a browser: takes the token or a login code from the URL fragment and removes it there, or the token from this tab's session storage. */
  start() {
    setInterval(() => this.tick(), 1000);
    if (shell?.first) {
      this.status = shell.first.status;
      this.phase = 'connecting';
      afterFrame(() => this.connect());
      return;
    }
    if (shell) {
      void this.attach();
      return;
    }
    const fragment = new URLSearchParams(location.hash.slice(1));
    const [given, code] = [fragment.get('token'), fragment.get('code')];
    if (given !== null || code !== null) history.replaceState(null, '', location.pathname);
    const token = given || sessionStorage.getItem(KEPT);
    if (code) void this.redeem(code, token);
    else if (token) this.use(token);
  }

  /** Signs in with a token. */
  use(token: string) {
    sessionStorage.setItem(KEPT, token.trim());
    this.client = new Client(overHttp(token.trim()));
    this.connect();
  }

  private async redeem(code: string, kept: string | null) {
    this.phase = 'connecting';
    const token = (await exchange(code).catch(() => undefined)) ?? kept;
    if (token) this.use(token);
    else this.phase = 'used-code';
  }

  /** Attaches to the engine, or starts one. */
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

  /** Reopens the status stream at once. */
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
