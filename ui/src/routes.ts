/** The route to the destination as the route line draws it. Pure. */
import type { Outbounds } from './api/client';

export type HopState = 'up' | 'down' | 'unknown';

export interface Hop {
  name: string;
  state: HopState;
  /** Latency of the segment before it in milliseconds. */
  ms?: number | null;
  hint?: string | null;
}

export interface Line {
  hops: Hop[];
  /** There is no route: connections are refused. */
  none: boolean;
}

const asState = (text: string): HopState => (text === 'up' || text === 'down' ? text : 'unknown');

/** Parses a route: "direct", "none", an upstream or group, or a chain "a → b". */
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
