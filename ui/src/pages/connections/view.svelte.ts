/** State of the connections table: one event stream for the visible window of rows. */
import { CallError, type Page, type Row, withQuery } from '../../api/client';
import { errorText } from '../../failure';
import { closeMatching } from '../../commands';
import { groupKey, grouped, sorted } from '../../rows/frozen';
import { groupTerm, withTerm } from '../../rows/query';
import { session } from '../../session.svelte';
import { followPages, RowWindow } from '../../rows/table-view.svelte';
import { MAX_LIMIT, type Span } from '../../rows/window';

export const TABS = ['active', 'closed', 'blocked'] as const;
export type Tab = (typeof TABS)[number];
export const GROUPS = ['app', 'domain', 'route', 'verdict'] as const;
export type GroupBy = (typeof GROUPS)[number];

const KEPT_SORT = 'privet.sort';

/** An active or closed connection. */
export async function connectionOf(id: number): Promise<Row | undefined> {
  for (const state of ['active', 'closed'] as const) {
    const { rows } = await session.client.get<Page>('/connections', { state, ids: id, limit: 1 });
    if (rows[0]) return rows[0];
  }
  return undefined;
}

export class View {
  tab = $state<Tab>('active');
  filter = $state('');
  group = $state<GroupBy | ''>('');
  sort = $state(localStorage.getItem(KEPT_SORT) ?? '-started');
  frozen = $state(false);
  page = $state.raw<Page | undefined>();
  /** When the rows were received, so that ages keep growing. */
  at = $state(Date.now());
  /** Error in the filter, from the engine. */
  error = $state('');
  /** Why no rows are received. */
  streamError = $state('');
  private turn = $state(0);
  selected = $state.raw<Row | undefined>();
  /** Filter of the rows in `page`. */
  private shownFilter = $state('');
  /** The rows that were shown when the table was frozen. */
  private kept: Page | undefined;
  private keptAs = { filter: '', sort: '' };
  private readonly window = new RowWindow();

  /** Changes whenever a new request is needed. */
  readonly question = $derived({
    state: this.tab,
    filter: this.filter,
    group: this.group,
    sort: this.sort,
    offset: this.group ? 0 : this.window.offset,
    limit: this.group ? 0 : this.window.limit,
  });

  /** For an `$effect`: watches until the returned function is called. */
  follow(): (() => void) | undefined {
    const path = withQuery('/events', { topics: 'connections', ...this.question });
    const { filter } = this.question;
    void this.turn;
    if (this.frozen) {
      void this.showKept();
      return undefined;
    }
    return followPages<Page>(
      path,
      (page) => this.take(page, filter),
      (error) => this.fail(error),
    );
  }

  /** Requests again at once. */
  again() {
    this.turn += 1;
  }

  private fail(error: unknown) {
    if (error instanceof CallError && error.status === 400) this.error = error.message;
    else this.streamError = errorText(error);
  }

  private take(page: Page, filter: string) {
    this.page = page;
    this.shownFilter = filter;
    this.at = Date.now();
    this.error = '';
    this.streamError = '';
    const id = this.selected?.id;
    if (id !== undefined) this.selected = page.rows.find((row) => row.id === id) ?? this.selected;
  }

  /** Values of some fields in the loaded rows, for filter completion. */
  values(): Record<string, string[]> {
    const rows = this.page?.rows ?? [];
    const of = (pick: (row: Row) => string | null) =>
      rows
        .map(pick)
        .filter((value, at, all) => value !== null && all.indexOf(value) === at)
        .sort() as string[];
    return { app: of((row) => row.app ?? null), host: of((row) => row.host), route: of((row) => row.route) };
  }

  /** The row at that index, if loaded. */
  row(index: number): Row | undefined {
    return this.page?.rows[index - this.page.offset];
  }

  look(span: Span) {
    this.window.look(span);
  }

  show(tab: Tab) {
    this.tab = tab;
    this.frozen = false;
    this.kept = undefined;
    this.window.offset = 0;
    this.page = undefined;
    this.selected = undefined;
  }

  /** The first click sorts descending, the second ascending. */
  sortBy(key: string) {
    this.sort = this.sort === `-${key}` ? key : `-${key}`;
    localStorage.setItem(KEPT_SORT, this.sort);
  }

  /** Freezes the visible rows and as many around them as one response holds. */
  async freeze() {
    if (this.frozen) {
      this.frozen = false;
      this.kept = undefined;
      return;
    }
    const { question } = this;
    const offset = Math.max(0, this.window.offset - MAX_LIMIT / 2 + STEP_BACK);
    const page = await session.client.get<Page>('/connections', { ...question, offset, limit: MAX_LIMIT });
    this.keptAs = { filter: question.filter, sort: question.sort };
    this.kept = page;
    this.frozen = true;
  }

  /** Of the rows that were shown when the table was frozen, those that match now. */
  private async showKept() {
    const { filter, sort, group } = this.question;
    const { kept, keptAs } = this;
    if (!kept) return;
    try {
      let { rows } = kept;
      const isSame = filter === keptAs.filter && sort === keptAs.sort;
      if (filter !== keptAs.filter) {
        const ids = await this.matching(rows, filter);
        rows = rows.filter((row) => ids.includes(row.id));
      }
      if (this.kept !== kept || filter !== this.filter) return;
      const groups = group ? grouped(rows, group) : [];
      const only = { ...kept, rows: sorted(rows, sort), offset: 0, total: rows.length };
      this.take({ ...(isSame ? kept : only), groups }, filter);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ids of the rows that match; an active row may have been closed since. */
  private async matching(rows: readonly Row[], filter: string): Promise<number[]> {
    if (rows.length === 0) return [];
    const states = this.tab === 'active' ? ['active', 'closed'] : [this.tab];
    const ids = rows.map((row) => row.id).join(',');
    const pages = await Promise.all(
      states.map((state) =>
        session.client.get<Page>('/connections', { state, filter, ids, limit: MAX_LIMIT }),
      ),
    );
    return pages.flatMap((page) => page.rows.map((row) => row.id));
  }

  /** The rows shown are those of the filter. */
  get isCurrent(): boolean {
    return this.filter === this.shownFilter && !this.error;
  }

  /** The filter that selects one group's rows. */
  groupFilter(key: string): string {
    return this.group ? withTerm(this.filter, groupTerm(this.group, key)) : this.filter;
  }

  /** Closes the rows that are shown. */
  closeShown(): Promise<void> {
    const { page } = this;
    const all = page !== undefined && (this.frozen || page.rows.length === page.total);
    return closeMatching(this.shownFilter, all ? page.rows.map((row) => row.id) : undefined);
  }

  /** Closes the rows of a group. */
  closeGroup(key: string): Promise<void> {
    const { group, page } = this;
    if (!this.frozen || !group || !page) return closeMatching(this.groupFilter(key));
    const rows = page.rows.filter((row) => groupKey(row, group) === key);
    return closeMatching(
      '*',
      rows.map((row) => row.id),
    );
  }
}

const STEP_BACK = 100;
