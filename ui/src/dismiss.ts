/** What Escape closes: only the topmost of what is open. */

interface Layer {
  /** It lies over the page; panels lie beside it, and close after all overlays. */
  over: 'overlay' | 'panel';
  close: () => void;
}

const layers: Layer[] = [];

/** For an `$effect`: what is open until the returned function is called. */
export function dismissable(close: () => void, over: Layer['over'] = 'overlay'): () => void {
  const layer = { over, close };
  layers.push(layer);
  return () => void layers.splice(layers.indexOf(layer), 1);
}

/** Whether an overlay is open. */
export function hasOverlay(): boolean {
  return layers.some((layer) => layer.over === 'overlay');
}

/** For `keydown` of the window, which comes after all other handlers. */
export function dismissTopmost(event: KeyboardEvent): boolean {
  if (event.key !== 'Escape' || event.defaultPrevented) return false;
  const top = layers.findLast((layer) => layer.over === 'overlay') ?? layers.at(-1);
  if (!top) return false;
  // Also keeps the browser from closing a dialog itself.
  event.preventDefault();
  top.close();
  return true;
}

/** A `keydown` handler of a form that Escape closes, and nothing else with it. */
export function closesForm(close: () => void): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.key !== 'Escape' || event.defaultPrevented) return;
    event.preventDefault();
    event.stopPropagation();
    close();
  };
}
