/** Follows a pressed pointer until it is let go. */
export function followPointer(
  event: PointerEvent,
  moved: (by: { x: number; y: number }, x: number, y: number) => void,
  done: () => void = () => undefined,
): void {
  const held = event.currentTarget as HTMLElement;
  const from = { x: event.clientX, y: event.clientY };
  const move = (now: PointerEvent) =>
    moved({ x: now.clientX - from.x, y: now.clientY - from.y }, now.clientX, now.clientY);
  const end = () => {
    held.removeEventListener('pointermove', move);
    held.removeEventListener('pointerup', end);
    held.removeEventListener('pointercancel', end);
    done();
  };
  held.setPointerCapture(event.pointerId);
  held.addEventListener('pointermove', move);
  held.addEventListener('pointerup', end);
  held.addEventListener('pointercancel', end);
}
