import { describe, expect, it } from 'vitest';
import { lineOf } from './routes';

describe('the route line', () => {
  const hop = (name: string, route: string, state: string) => ({
    name,
    route,
    state,
    url: '',
    isolate: 'none',
    failures: 0,
    latency_ms: 5,
  });
  const outbounds = {
    upstreams: [hop('tor', 'office → tor', 'down'), hop('office', 'office', 'up')],
    groups: [
      { name: 'auto', policy: 'failover', members: ['tor'], state: 'up', current: 'tor' },
      { name: 'idle', policy: 'failover', members: ['tor'], state: 'unknown', current: null },
    ],
  };

  it('has every hop of a chain, in order, with its state', () => {
    const names = (route: string) =>
      lineOf(route, outbounds).hops.map(({ name, state }) => `${name} ${state}`);
    expect(names('tor')).toEqual(['office up', 'tor down']);
    expect(names('auto')).toEqual(['office up', 'tor down']);
    expect(names('idle')).toEqual(['idle unknown']);
    expect(names('gone')).toEqual(['gone unknown']);
    expect(names('direct')).toEqual([]);
    expect(lineOf('none', outbounds).none).toBe(true);
  });
});
