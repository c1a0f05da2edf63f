/** What was chosen in the four steps. Nothing of it is done before `doAll`. */
import type { Change } from '../../api/client';
import { Password } from '../../config/password.svelte';
import { config as kept } from '../../config/store.svelte';
import type { Config, FilterList, Upstream } from '../../config/shape';
import { type FirstRun, welcome } from '../../first-run.svelte';
import { modeName } from '../../sentence';
import { session } from '../../session.svelte';
import { t } from '../../words.svelte';

type Patch = Record<string, unknown>;

export const STEPS = ['proxy', 'mode', 'lists', 'desktop'] as const;
export type Step = (typeof STEPS)[number] | 'summary' | 'done';
export const ORDER: readonly Step[] = [...STEPS, 'summary', 'done'];

/** One thing that was done, or could not be. */
export interface Done {
  text: string;
  ok: boolean;
  undo?: () => Promise<unknown>;
}

export class Draft {
  step = $state<Step>('proxy');
  /** The address of the proxy that is taken over; '' none. */
  takes = $state('');
  hasLogin = $state(false);
  username = $state('');
  password = new Password(undefined);
  repairs = $state(false);
  mode = $state('');
  lists = $state<FilterList[]>([]);
  points = $state(false);
  done = $state.raw<Done[]>([]);
  undone = $state(false);

  constructor(
    readonly config: Config,
    readonly first: FirstRun,
  ) {
    this.password.kind = 'keyring';
    this.mode = config.mode;
    this.choose();
  }

  private choose() {
    const { kind, upstreams, can_switch } = this.first.found;
    this.takes = upstreams[0]?.url ?? '';
    this.repairs = kind === 'leftover';
    this.points = can_switch && kind !== 'pac' && kind !== 'ours';
  }

  /** Leaves what this step is about as it is. */
  skip() {
    if (this.step === 'proxy') [this.takes, this.repairs] = ['', false];
    if (this.step === 'mode') this.mode = this.config.mode;
    if (this.step === 'lists') this.lists = [];
    if (this.step === 'desktop') this.points = false;
    this.move(1);
  }

  move(by: 1 | -1) {
    this.step = ORDER[ORDER.indexOf(this.step) + by] ?? this.step;
  }

  get upstream(): Upstream | undefined {
    const found = this.first.found.upstreams.find((one) => one.url === this.takes);
    if (!found) return undefined;
    const { name, url } = found;
    return this.hasLogin && this.username ? { name, url, username: this.username } : { name, url };
  }

  /** All of it as one change of the configuration; `whole`: with the password, once it is kept. */
  patch(whole = false): Patch {
    const { config, upstream } = this;
    const patch: Record<string, unknown> = {};
    if (upstream) {
      const whose = `upstream ${upstream.name}`;
      const secret = whole ? this.password.secret(whose) : this.password.known(whose);
      const login = upstream.username && secret ? { password: secret } : {};
      patch.upstream = [...config.upstream, { ...upstream, ...login }];
      // A mode that goes direct would not use it.
      if (config.modes[this.mode]?.route === 'direct' && this.mode !== 'off')
        patch.modes = { [this.mode]: { route: upstream.name } };
    }
    if (this.mode !== config.mode) patch.mode = this.mode;
    if (this.lists.length > 0) patch.filter = { list: [...config.filter.list, ...this.lists] };
    return JSON.parse(JSON.stringify(patch)) as Patch;
  }

  /** What will be done, in words. */
  get plan(): string[] {
    const { upstream, first } = this;
    const lines: string[] = [];
    if (upstream) lines.push(t('first.willTake', { name: upstream.name, url: upstream.url }));
    if (this.repairs) lines.push(t('first.willRepair', { place: first.found.dead ?? '' }));
    if (this.mode !== this.config.mode) lines.push(t('first.willMode', { name: modeName(this.mode) }));
    for (const list of this.lists) lines.push(t('first.willList', { name: list.name }));
    if (this.points) lines.push(t('first.willPoint'));
    return lines;
  }

  /** Does it, the configuration first: where that is refused, nothing else is touched. */
  async doAll(): Promise<void> {
    const { upstream, first } = this;
    if (upstream && this.hasLogin) await this.password.keep(`upstream ${upstream.name}`);
    const patch = this.patch(true);
    const done: Done[] = [];
    if (Object.keys(patch).length > 0) {
      const { change } = await session.client.call<Change>('PATCH', '/config', patch);
      const undo = () => session.client.call('POST', `/changes/${change}/undo`);
      if (upstream) done.push({ text: t('first.didTake', { name: upstream.name }), ok: true });
      if (patch.mode) done.push({ text: t('first.didMode', { name: modeName(this.mode) }), ok: true });
      for (const list of this.lists) done.push({ text: t('first.didList', { name: list.name }), ok: true });
      const last = done.at(-1);
      if (last) last.undo = undo;
      await kept.load();
    }
    const system = (wish: object) => session.client.call('PUT', '/system-proxy', wish);
    if (this.repairs)
      done.push(
        await tried(t('first.didRepair', { place: first.found.dead ?? '' }), () =>
          system({ enabled: false, repair: true }),
        ),
      );
    if (this.points)
      done.push({
        ...(await tried(t('first.didPoint'), () => system({ enabled: true }))),
        undo: () => system({ enabled: false }),
      });
    await welcome.end();
    [this.done, this.step] = [done, 'done'];
  }

  get canUndo(): boolean {
    return !this.undone && this.done.some((one) => one.ok && one.undo);
  }

  /** Takes back what can be, the last first. */
  async undo(): Promise<void> {
    for (const one of [...this.done].reverse()) if (one.ok) await one.undo?.();
    this.undone = true;
    await kept.load();
  }
}

async function tried(text: string, work: () => Promise<unknown>): Promise<Done> {
  try {
    await work();
    return { text, ok: true };
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), ok: false };
  }
}
