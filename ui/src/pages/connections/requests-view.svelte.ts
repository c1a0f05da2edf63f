/** State of the requests table: one event stream for the visible window of rows. */
import { CallError, type RequestPage, type RequestRow, withQuery } from '../../api/client';
import { errorText } from '../../failure';
import { followPages, RowWindow } from '../../rows/table-view.svelte';
import type { Span } from '../../rows/window';

const KEPT_SORT = 'privet.requests.sort';

export class RequestsView {
  filter = $state('');
  sort = $state(localStorage.getItem(KEPT_SORT) ?? '-started');
  page = $state.raw<RequestPage | undefined>();
  /** Error in the filter, from the engine. */
  error = $state('');
  /** Why no rows are received. */
  streamError = $state('');
  selected = $state.raw<RequestRow | undefined>();
  private turn = $state(0);
  private readonly window = new RowWindow();

  /** For an `$effect`: watches until the returned function is called. */
  follow(): () => void {
    const { filter, sort } = this;
    const { offset, limit } = this.window;
    void this.turn;
    return followPages<RequestPage>(
      withQuery('/events', { topics: 'requests', filter, sort, offset, limit }),
      (page) => {
        this.page = page;
        this.error = '';
        this.streamError = '';
      },
      (error) => {
        if (error instanceof CallError && error.status === 400) this.error = error.message;
        else this.streamError = errorText(error);
      },
    );
  }

  /** Requests again at once. */
  again() {
    this.turn += 1;
  }

  look(span: Span) {
    this.window.look(span);
  }

  /** The row at that index, if loaded. */
  row(index: number): RequestRow | undefined {
    return this.page?.rows[index - this.page.offset];
  }

  /** The first click sorts descending, the second ascending. */
  sortBy(key: string) {
    this.sort = this.sort === `-${key}` ? key : `-${key}`;
    localStorage.setItem(KEPT_SORT, this.sort);
  }

  /** Values of some fields in the loaded rows, for filter completion. */
  values(): Record<string, string[]> {
    const rows = this.page?.rows ?? [];
    const of = (pick: (row: RequestRow) => string | null | undefined) =>
      rows
        .map(pick)
        .filter((value, at, all) => typeof value === 'string' && all.indexOf(value) === at)
        .sort() as string[];
    return {
      method: of((row) => row.method),
      type: of((row) => row.type),
      cache: of((row) => row.cache),
      route: of((row) => row.route),
    };
  }
}
