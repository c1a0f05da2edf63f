/** Sentences of the engine in the reader's language: found by their code, the engine's own words where there is none. */
import type { Explanation, Schema } from './api/client';
import { modeName } from './sentence';
import { known, t } from './words.svelte';

type Step = Schema['Step'];

function byCode(code: string, values: Record<string, string>, otherwise: string): string {
  const key = `step.${code}`;
  return known(key) ? t(key, values) : otherwise;
}

/** Why a step matched, or why not. */
export function stepSaid(step: Step): string {
  return byCode(step.code, step.values, step.text);
}

/** What was looked at. */
export function stepWhat(step: Step): string {
  const [kind = ''] = step.code.split('.');
  const mode = step.values['mode'];
  const name = step.list ?? (mode === undefined ? step.values['number'] : modeName(mode));
  const temporary = step.what.startsWith('temporary ');
  const key = `what.${temporary ? 'temporary' : kind === 'filter' ? step.what : kind}`;
  return known(key) ? t(key, { name: name ?? '' }) : step.what;
}

/** The reason of the whole verdict: that of the step which decided, the last that matched. */
export function outcomeSaid({ outcome, steps }: Explanation): string {
  const counts = (step: Step) => step.code.startsWith('list.counts');
  const decided = steps.filter((step) => step.matched && !counts(step)).at(-1);
  if (!decided || outcome.kind === 'kill-switch') return outcome.text;
  return `${stepWhat(decided)}: ${stepSaid(decided)}`;
}

/** What is wrong, in a sentence; its details are the engine's. */
export function troubleSaid(trouble: Schema['Trouble']): { head: string; detail: string } {
  const [kind = '', ...rest] = trouble.about.split(':');
  const key = `trouble.${kind}`;
  const detail = [trouble.text, trouble.mend].filter(Boolean).join('. ');
  return known(key) ? { head: t(key, { name: rest.join(':') }), detail } : { head: detail, detail: '' };
}
