/** Selection policies of a group. */
import { t } from '../../i18n.svelte';

export const POLICIES = ['failover', 'latency', 'round-robin', 'sticky'] as const;
export type Policy = (typeof POLICIES)[number];

export function policyName(policy: string): string {
  const known = POLICIES.find((one) => one === policy);
  return known ? t(`policy.${known}`) : policy;
}
