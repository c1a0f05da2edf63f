/** The current page, taken from the URL fragment. */
import { decodePercent } from './decode';
import { PAGES, type PageName } from './page-names';

export { PAGES, type PageName };

class Router {
  page = $state<PageName>('home');
  /** Argument for the page: a filter or a target. */
  ask = $state('');

  follow() {
    const [name, ...rest] = location.hash.slice(1).split('?');
    this.page = PAGES.find((page) => page === name) ?? 'home';
    this.ask = decodePercent(rest.join('?'));
  }

  go(page: PageName, ask = '') {
    location.hash = ask ? `${page}?${encodeURIComponent(ask)}` : page;
  }
}

export const router = new Router();
