/** A setting that is applied at once and that the engine may refuse. */
import { errorText } from '../failure';
import { ShownError } from '../notices.svelte';

type Control = HTMLInputElement | HTMLSelectElement;

export class Setting {
  /** Why the last change was refused; shown beside the control. */
  refused = $state('');
  busy = $state(false);

  /** Applies a change. Resolves to whether it was accepted. */
  async apply(work: () => Promise<unknown>): Promise<boolean> {
    this.refused = '';
    this.busy = true;
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ShownError)) this.refused = errorText(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** As `apply`, for a changed control: afterwards it shows what `current` returns. */
  async put(
    control: Control,
    current: () => string | boolean,
    work: () => Promise<unknown>,
  ): Promise<boolean> {
    const accepted = await this.apply(work);
    show(control, current());
    return accepted;
  }
}

/** Sets what the control shows. Svelte does not: for it, a refused value never changed. */
export function show(control: Control, value: string | boolean) {
  if (control instanceof HTMLSelectElement) control.value = String(value);
  else if (control.type !== 'radio') control.checked = value === true;
  else
    for (const one of document.querySelectorAll<HTMLInputElement>('input[type=radio]'))
      if (one.name === control.name) one.checked = one.value === value;
}
