/** The way from here to the far end as the route line draws it. Pure. */
import type { Outbounds } from './api/client';

export type HopState = 'up' | 'down' | 'unknown';

export interface Hop {
  name: string;
  state: HopState;
  /** Milliseconds over the segment that leads to it. */
  ms?: number | null;
  hint?: string | null;
}

export interface Line {
  hops: Hop[];
  /** Nothing gets through: there is no way out at all. */
  none: boolean;
}

const asState = (text: string): HopState => (text === 'up' || text === 'down' ? text : 'unknown');

/** Of "direct", "none", the name of an upstream or group, or a chain "a → b". */
export function lineOf(route: string, outbounds: Outbounds | undefined): Line {
  if (route === 'direct' || route === 'cache' || route === '') return { hops: [], none: false };
  if (route === 'none') return { hops: [], none: true };
  const group = outbounds?.groups.find((other) => other.name === route);
  if (group && !group.current) {
    return { hops: [{ name: group.name, state: asState(group.state), hint: group.last_error }], none: false };
  }
  const name = group?.current ?? route;
  const chain = outbounds?.upstreams.find((other) => other.name === name)?.route ?? name;
  const hops = chain.split(/\s*(?:→|->)\s*/).map((hop): Hop => {
    const known = outbounds?.upstreams.find((other) => other.name === hop);
    if (!known) return { name: hop, state: 'unknown' };
    return { name: hop, state: asState(known.state), ms: known.latency_ms, hint: known.last_error };
  });
  return { hops, none: false };
}
