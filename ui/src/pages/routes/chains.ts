/** Chains as configured: each hop names the one it is reached through (`via`). Pure. */
import { moved } from '../../config/patch';
import type { Upstream } from '../../config/shape';

/**
 * Moves one hop within its chain: the changed upstreams, and the names of the chain in their new order; `undefined` if
 * nothing moves.
 */
export function chained(
  upstreams: readonly Upstream[],
  hops: readonly string[],
  from: number,
  to: number,
): { upstreams: Upstream[]; names: string[] } | undefined {
  const names = moved(hops, from, to);
  if (names.every((name, at) => name === hops[at])) return undefined;
  const linked = upstreams.map((upstream) => {
    const at = names.indexOf(upstream.name);
    if (at < 0) return upstream;
    const linked = { ...upstream, via: names[at - 1] };
    if (linked.via === undefined) delete linked.via;
    return linked;
  });
  return { upstreams: linked, names };
}
