/** Work that must not delay the next frame. */

/** Calls `work` once the next frame is drawn; in a hidden page once that is shown. */
export function afterFrame(work: () => void): void {
  requestAnimationFrame(() => setTimeout(work));
}
