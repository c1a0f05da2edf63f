/** Short words at the foot of the page: what was done, with its undo, or why it was not. */
import { failureSaid } from './failure';

export interface Notice {
  id: number;
  text: string;
  bad: boolean;
  undo?: () => Promise<void>;
}

const SHOWN_MS = 8000;
const MOST = 3;

class Notices {
  list = $state.raw<Notice[]>([]);
  private next = 1;

  say(text: string, undo?: () => Promise<void>) {
    this.add({ id: this.next++, text, bad: false, undo });
  }

  fail(error: unknown) {
    this.add({ id: this.next++, text: failureSaid(error), bad: true });
  }

  drop(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  private add(notice: Notice) {
    this.list = [...this.list, notice].slice(-MOST);
    setTimeout(() => this.drop(notice.id), notice.bad || notice.undo ? 2 * SHOWN_MS : SHOWN_MS);
  }
}

export const notices = new Notices();

/** A failure that the page shows in its place already. */
export class Said extends Error {}

/** Does it, and says why where it fails; whether it was done. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof Said)) notices.fail(error);
    return false;
  }
}
