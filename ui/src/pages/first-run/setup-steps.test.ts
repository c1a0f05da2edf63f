import { describe, expect, it } from 'vitest';
import { stepsFor } from './setup-steps';

const found = (kind: Parameters<typeof stepsFor>[0]['kind'], can_switch: boolean) => ({
  kind,
  can_switch,
  text: '',
  upstreams: [],
});

describe('setup', () => {
  it('leaves out the steps about a system proxy where none can be read or switched', () => {
    expect(stepsFor(found('unknown', false))).toEqual(['mode', 'lists']);
    expect(stepsFor(found('nothing', true))).toEqual(['mode', 'lists', 'desktop']);
    expect(stepsFor(found('ours', true))).toEqual(['mode', 'lists']);
    expect(stepsFor(found('proxy', true))).toEqual(['proxy', 'mode', 'lists', 'desktop']);
    expect(stepsFor(found('pac', false))).toEqual(['proxy', 'mode', 'lists']);
  });
});
