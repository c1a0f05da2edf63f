/** Notices at the foot of the page: what was done, with its undo, or why it failed. */
import { errorText } from './failure';

export interface Notice {
  id: number;
  text: string;
  bad: boolean;
  undo?: () => Promise<void>;
}

const SHOWN_MS = 8000;
const MAX_NOTICES = 3;

class Notices {
  list = $state.raw<Notice[]>([]);
  private next = 1;

  show(text: string, undo?: () => Promise<void>) {
    this.add({ id: this.next++, text, bad: false, undo });
  }

  showError(error: unknown) {
    this.add({ id: this.next++, text: errorText(error), bad: true });
  }

  dismiss(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  private add(notice: Notice) {
    this.list = [...this.list, notice].slice(-MAX_NOTICES);
    setTimeout(() => this.dismiss(notice.id), notice.bad || notice.undo ? 2 * SHOWN_MS : SHOWN_MS);
  }
}

export const notices = new Notices();

/** An error that the page already shows in place, so no notice is needed. */
export class ShownError extends Error {}

/** Runs `work` and shows a notice if it throws. Resolves to whether it succeeded. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof ShownError)) notices.showError(error);
    return false;
  }
}
