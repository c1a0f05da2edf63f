/** The steps of setup, and which of them apply on this machine. Pure. */
import type { FirstRun } from '../../setup.svelte';

export type ChoiceStep = 'proxy' | 'mode' | 'lists' | 'desktop';
export type Step = ChoiceStep | 'summary' | 'done';

/** The steps that offer a choice here: without a system proxy there is none to take over, and none to switch. */
export function stepsFor({ kind, can_switch }: FirstRun['found']): ChoiceStep[] {
  const hasProxy = kind !== 'nothing' && kind !== 'unknown' && kind !== 'ours';
  const canPoint = can_switch && kind !== 'ours';
  return [
    ...(hasProxy ? (['proxy'] as const) : []),
    'mode',
    'lists',
    ...(canPoint ? (['desktop'] as const) : []),
  ];
}
