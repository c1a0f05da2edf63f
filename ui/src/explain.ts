/** Explanations and problems of the engine in the page's language, looked up by code. Unknown codes keep the engine's text. */
import type { Explanation, Schema } from './api/client';
import { modeName } from './state-text';
import { hasMessage, t } from './i18n.svelte';

type Step = Schema['ExplanationStep'];

/** Why a step matched, or why not. */
export function stepText(step: Step): string {
  const key = `step.${step.code}`;
  return hasMessage(key) ? t(key, step.values) : step.text;
}

/** What the step checked: "rule 2", "list ads", "mode Standard". */
export function stepSubject(step: Step): string {
  const [kind = ''] = step.code.split('.');
  const { mode, number } = step.values;
  const temporary = step.what.startsWith('temporary ');
  const name = step.list ?? (mode === undefined ? number?.replace(/^t/, '') : modeName(mode));
  const key = `what.${temporary ? 'temporary' : kind === 'filter' ? step.what : kind}`;
  return hasMessage(key) ? t(key, { name: name ?? '' }) : step.what;
}

/** The reason for the verdict: the step that decided, which is the last that matched. A list on probation only counts. */
export function outcomeText({ outcome, steps }: Explanation): string {
  const counts = (step: Step) => step.code.startsWith('list.counts');
  const decided = steps.filter((step) => step.matched && !counts(step)).at(-1);
  if (!decided || outcome.kind === 'kill-switch') return outcome.text;
  const text = stepText(decided);
  return /^[→←]/.test(text) ? `${stepSubject(decided)} ${text}` : `${stepSubject(decided)}: ${text}`;
}

/** Steps that could not affect this verdict: they did not match, and say nothing about the target. */
export function isIrrelevant(step: Step): boolean {
  return !step.matched && IRRELEVANT.includes(step.code);
}
const IRRELEVANT = [
  'loop.other',
  'rules.more',
  'rule.over',
  'rule.spent',
  'rule.irrelevant',
  'filter.unnamed',
  'list.unnamed',
];

/** A problem as a headline in the page's language, with the engine's details. */
export function problemText(problem: Schema['EngineProblem']): { head: string; detail: string } {
  const [kind = '', ...rest] = problem.about.split(':');
  const key = `problem.${kind}`;
  const detail = [problem.text, problem.fix].filter(Boolean).join('. ');
  return hasMessage(key) ? { head: t(key, { name: rest.join(':') }), detail } : { head: detail, detail: '' };
}
