/** A password being edited. It is stored in the keyring by a separate call; the configuration holds only a reference. */
import { CallError, type Schema } from '../api/client';
import { ShownError } from '../notices.svelte';
import { session } from '../session.svelte';
import type { Secret } from './shape';

export const KINDS = ['keyring', 'env', 'file'] as const;
export type Kind = '' | 'plain' | (typeof KINDS)[number];
export type Refusal = '' | 'locked' | 'absent' | 'failed';

const PROBLEM = 'urn:privet:problem:keyring-';

/** Keyring entry name for an owner: "upstream office", with a number if it is in use. */
export function freeName(whose: string, entries: readonly { name: string }[]): string {
  const isTaken = (name: string) => entries.some((entry) => entry.name === name);
  let name = whose;
  for (let next = 2; isTaken(name); next += 1) name = `${whose} ${next}`;
  return name;
}

export class Password {
  kind = $state<Kind>('');
  /** Name of the variable or path of the file. */
  reference = $state('');
  typed = $state('');
  /** Replace the stored password. */
  replaces = $state(false);
  refused = $state<Refusal>('');
  /** State of the keyring when the form was opened. */
  keyring = $state.raw<Schema['Secrets'] | undefined>();
  /** Entry that the configuration already refers to. */
  readonly entry: string | undefined;
  private name = '';

  constructor(before: Secret | undefined) {
    if (!before) return;
    if ('keyring' in before) {
      this.kind = 'keyring';
      this.entry = before.keyring;
    } else if ('env' in before) [this.kind, this.reference] = ['env', before.env];
    else if ('file' in before) [this.kind, this.reference] = ['file', before.file];
    else this.kind = 'plain';
  }

  async look() {
    this.keyring = await session.client.get<Schema['Secrets']>('/secrets').catch(() => undefined);
  }

  /** The entry is missing in the keyring. */
  get isLost(): boolean {
    return this.keyring?.secrets.some((one) => one.name === this.entry && one.stored === false) ?? false;
  }

  get asks(): boolean {
    return this.kind === 'keyring' && (!this.entry || this.replaces || this.isLost);
  }

  /** The reference for the configuration; `undefined` if none is chosen or it is incomplete. */
  secret(whose: string): Secret | undefined {
    if (this.kind === 'plain') return { plain: true };
    if (this.kind === 'env') return this.reference ? { env: this.reference } : undefined;
    if (this.kind === 'file') return this.reference ? { file: this.reference } : undefined;
    return this.kind === 'keyring' ? { keyring: this.nameFor(whose) } : undefined;
  }

  /** As `secret`, but only if the password is already stored: a preview cannot refer to a missing entry. */
  known(whose: string): Secret | undefined {
    return this.asks ? undefined : this.secret(whose);
  }

  /** Stores the typed password, before the configuration refers to it. */
  async keep(whose: string): Promise<void> {
    if (!this.asks || !this.typed) return;
    const name = this.nameFor(whose);
    try {
      await session.client.call('PUT', `/secrets/${encodeURIComponent(name)}`, { value: this.typed });
      [this.name, this.typed, this.refused] = [name, '', ''];
    } catch (error) {
      const kind = error instanceof CallError ? (error.problem?.type ?? '') : '';
      if (!kind.startsWith(PROBLEM)) throw error;
      this.refused = kind.slice(PROBLEM.length) as Refusal;
      throw new ShownError();
    }
  }

  private nameFor(whose: string): string {
    return this.entry || this.name || freeName(whose, this.keyring?.secrets ?? []);
  }
}
