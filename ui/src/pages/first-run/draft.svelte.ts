/** The choices made during setup. Nothing is applied before `apply`. */
import { Password } from '../../config/password.svelte';
import { config as kept, patchConfig } from '../../config/store.svelte';
import type { Config, FilterList, Secret, Upstream } from '../../config/shape';
import { type FirstRun, setup } from '../../setup.svelte';
import { modeName } from '../../state-text';
import { session } from '../../session.svelte';
import { t } from '../../i18n.svelte';
import { stepsFor, type ChoiceStep, type Step } from './setup-steps';

type Patch = Record<string, unknown>;

/** One change that was applied, or failed. */
export interface Outcome {
  text: string;
  ok: boolean;
  undo?: () => Promise<unknown>;
}

export class Draft {
  step = $state<Step>('mode');
  readonly steps: readonly ChoiceStep[];
  /** URL of the proxy that becomes an upstream; empty for none. */
  takes = $state('');
  hasLogin = $state(false);
  username = $state('');
  password = new Password(undefined);
  repairs = $state(false);
  mode = $state('');
  lists = $state<FilterList[]>([]);
  points = $state(false);
  outcomes = $state.raw<Outcome[]>([]);
  undone = $state(false);

  constructor(
    readonly config: Config,
    readonly first: FirstRun,
  ) {
    this.steps = stepsFor(first.found);
    this.step = this.steps[0] ?? 'summary';
    this.password.kind = 'keyring';
    this.mode = config.mode;
    this.preselect();
  }

  private preselect() {
    const { kind, upstreams, can_switch } = this.first.found;
    this.takes = upstreams[0]?.url ?? '';
    this.repairs = kind === 'leftover';
    this.points = can_switch && kind !== 'pac' && kind !== 'ours';
  }

  /** Drops the choices of this step and goes on. */
  skip() {
    if (this.step === 'proxy') [this.takes, this.repairs] = ['', false];
    if (this.step === 'mode') this.mode = this.config.mode;
    if (this.step === 'lists') this.lists = [];
    if (this.step === 'desktop') this.points = false;
    this.move(1);
  }

  move(by: 1 | -1) {
    const order: Step[] = [...this.steps, 'summary', 'done'];
    this.step = order[order.indexOf(this.step) + by] ?? this.step;
  }

  get upstream(): Upstream | undefined {
    const found = this.first.found.upstreams.find((one) => one.url === this.takes);
    if (!found) return undefined;
    const { name, url } = found;
    return this.hasLogin && this.username ? { name, url, username: this.username } : { name, url };
  }

  /** The merge patch without a password that is not stored yet: what the preview is made of. */
  previewPatch(): Patch {
    return this.patch((owner) => this.password.known(owner));
  }

  private patch(passwordOf: (owner: string) => Secret | undefined): Patch {
    const { config, upstream } = this;
    const patch: Record<string, unknown> = {};
    if (upstream) {
      const secret = passwordOf(`upstream ${upstream.name}`);
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

  /** One sentence for each change that will be applied. */
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

  /** Applies everything, the configuration first: if that is refused, nothing else is changed. */
  async apply(): Promise<void> {
    const { upstream, first } = this;
    if (upstream && this.hasLogin) await this.password.keep(`upstream ${upstream.name}`);
    const patch = this.patch((owner) => this.password.secret(owner));
    const done: Outcome[] = [];
    if (Object.keys(patch).length > 0) {
      const { change } = await patchConfig(patch);
      const undo = () => session.client.call('POST', `/changes/${change}/undo`);
      if (upstream) done.push({ text: t('first.didTake', { name: upstream.name }), ok: true });
      if (patch.mode) done.push({ text: t('first.didMode', { name: modeName(this.mode) }), ok: true });
      for (const list of this.lists) done.push({ text: t('first.didList', { name: list.name }), ok: true });
      const last = done.at(-1);
      if (last) last.undo = undo;
      await kept.load();
    }
    const system = (request: object) => session.client.call('PUT', '/system-proxy', request);
    if (this.repairs)
      done.push(
        await attempted(t('first.didRepair', { place: first.found.dead ?? '' }), () =>
          system({ enabled: false, repair: true }),
        ),
      );
    if (this.points)
      done.push({
        ...(await attempted(t('first.didPoint'), () => system({ enabled: true }))),
        undo: () => system({ enabled: false }),
      });
    await setup.complete();
    [this.outcomes, this.step] = [done, 'done'];
  }

  get canUndo(): boolean {
    return !this.undone && this.outcomes.some((one) => one.ok && one.undo);
  }

  /** Undoes what can be undone, the newest first. */
  async undo(): Promise<void> {
    for (const one of [...this.outcomes].reverse()) if (one.ok) await one.undo?.();
    this.undone = true;
    await kept.load();
  }
}

async function attempted(text: string, work: () => Promise<unknown>): Promise<Outcome> {
  try {
    await work();
    return { text, ok: true };
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), ok: false };
  }
}
