import { describe, expect, it } from 'vitest';
import { dismissable, dismissTopmost, hasOverlay } from './dismiss';

/** As the window gets it. */
function escape(): KeyboardEvent {
  const event = new Event('keydown', { cancelable: true });
  return Object.assign(event, { key: 'Escape' }) as unknown as KeyboardEvent;
}

describe('Escape', () => {
  it('closes the topmost thing only, overlays before panels', () => {
    const closed: string[] = [];
    const ends: Record<string, () => void> = {};
    const open = (name: string, over?: 'panel') => {
      ends[name] = dismissable(() => {
        closed.push(name);
        ends[name]?.();
      }, over);
    };
    open('menu');
    open('dialog');
    open('details', 'panel');
    for (let n = 0; n < 3; n += 1) expect(dismissTopmost(escape())).toBe(true);
    expect(closed).toEqual(['dialog', 'menu', 'details']);
    expect(dismissTopmost(escape())).toBe(false);
    expect(hasOverlay()).toBe(false);
  });

  it('is left alone if something has used it', () => {
    const event = escape();
    event.preventDefault();
    const end = dismissable(() => expect.unreachable());
    expect(dismissTopmost(event)).toBe(false);
    end();
  });
});
