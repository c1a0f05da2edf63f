/** The rules, and actions on one of them. */
import type { Change, RuleView, Schema } from '../../api/client';
import { Resource } from '../../api/resource.svelte';
import { applyChange, config, notifyDone, type ChangeRequest } from '../../config/store.svelte';
import type { Rule } from '../../config/shape';
import type { Span } from '../../config/rule';
import { session } from '../../session.svelte';
import { t } from '../../i18n.svelte';

let version: string | undefined;

async function read(): Promise<Schema['Rules']> {
  const { data, version: newest } = await session.client.getVersioned<Schema['Rules']>('/rules');
  version = newest;
  return data;
}

export const rules = new Resource<Schema['Rules']>(read);

/** Adds a rule before all others. If another client changed the rules since they were read, it is still the first. */
export const ruleRequest = (rule: Rule, span: Span): ChangeRequest => ({
  method: 'POST',
  path: '/rules',
  body: { rule, for: span },
  ...(version ? { version } : {}),
  reread: async () => {
    await rules.load();
    return version;
  },
});

/** Replaces a rule of the file. Its id changes with its content: it is its version too. */
export const ruleEdit = (id: string, rule: Rule): ChangeRequest => ({
  method: 'PUT',
  path: rulePath(id),
  body: { rule },
  version: ruleVersion(id),
});

const rulePath = (id: string) => `/rules/${encodeURIComponent(id)}`;
const ruleVersion = (id: string) => `"${id}"`;

export async function addRule(rule: Rule, span: Span, what: string): Promise<void> {
  if (!version) await rules.load();
  await applyChange(ruleRequest(rule, span), what);
  await rules.load();
}

/** Moves a rule to position `to` of the file, from 1. */
export async function moveRule(rule: RuleView, to: number): Promise<void> {
  await call('PATCH', rule, { position: to }, t('rules.moved', { from: rule.number ?? 0, to }));
}

export async function removeRule(rule: RuleView): Promise<void> {
  const what = rule.number ? t('rules.removed', { number: rule.number }) : t('rules.ended');
  await call('DELETE', rule, undefined, what);
}

async function call(method: string, rule: RuleView, body: object | undefined, what: string) {
  const version = ruleVersion(rule.id);
  const done = await session.client.call<Change>(method, rulePath(rule.id), body, version);
  notifyDone(what, done.change);
  await Promise.all([rules.load(), config.load()]);
}
