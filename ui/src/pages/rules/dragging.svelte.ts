import { dismissable } from '../../dismiss';

/** Drag state of a list: the row being dragged and the one under the pointer. */
export class Dragging {
  /** Positions from 1; 0 for none. */
  from = $state(0);
  to = $state(0);

  constructor(private readonly ondrop: (from: number, to: number) => void) {}

  /** Handler for `pointerdown` on the handle. */
  start(event: PointerEvent, number: number) {
    if (event.button !== 0 || number === 0) return;
    const grip = event.currentTarget as HTMLElement;
    grip.setPointerCapture(event.pointerId);
    [this.from, this.to] = [number, number];
    const released = dismissable(() => end(false));
    const end = (drop: boolean) => {
      released();
      listening.abort();
      const [from, to] = [this.from, this.to];
      [this.from, this.to] = [0, 0];
      if (drop && to > 0 && from !== to) this.ondrop(from, to);
    };
    const listening = new AbortController();
    const { signal } = listening;
    grip.addEventListener(
      'pointermove',
      (moved) => (this.to = rowAt(moved.clientX, moved.clientY) ?? this.to),
      {
        signal,
      },
    );
    grip.addEventListener('pointerup', () => end(true), { signal });
    grip.addEventListener('pointercancel', () => end(false), { signal });
  }
}

/** Position of the rule under a point of the window. */
function rowAt(x: number, y: number): number | undefined {
  const row = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-number]');
  const number = Number(row?.dataset['number']);
  return number > 0 ? number : undefined;
}
