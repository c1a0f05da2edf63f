/** Who we speak to and how it is: the token, the engine's status as it arrives, and whether it arrives. */
import { CallError, Client, type Status } from './api/client';
import { watch, type Watch } from './api/watch';

const KEPT = 'privet.token';
/** Seconds that the speed graph looks back. */
export const GRAPH_SECONDS = 300;

export type Phase = 'token' | 'wrong-token' | 'connecting' | 'live' | 'lost';

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
  client = new Client('');
  private stream: Watch | undefined;
  private last: { up: number; down: number; at: number } | undefined;

  /** Takes the token from the address (and out of it) or from this tab's memory. */
  start() {
    const given = new URLSearchParams(location.hash.slice(1)).get('token');
    if (given !== null) history.replaceState(null, '', location.pathname);
    const token = given || sessionStorage.getItem(KEPT);
    if (token) this.use(token);
    setInterval(() => this.tick(), 1000);
  }

  use(token: string) {
    this.stream?.stop();
    sessionStorage.setItem(KEPT, token.trim());
    this.client = new Client(token.trim());
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
