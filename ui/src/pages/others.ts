/** All pages but Home, the setup and the dialog of links: what is loaded together after the first page (views.svelte.ts). */
export { default as LinkDialog } from '../link/LinkDialog.svelte';
export { default as FirstRun } from './first-run/FirstRun.svelte';
import Activity from './activity/Activity.svelte';
import Cache from './cache/Cache.svelte';
import Connections from './connections/Connections.svelte';
import Protection from './protection/Protection.svelte';
import Routes from './routes/Routes.svelte';
import Rules from './rules/Rules.svelte';
import Settings from './settings/Settings.svelte';
import Sites from './sites/Sites.svelte';

export const others = {
  connections: Connections,
  routes: Routes,
  rules: Rules,
  protection: Protection,
  cache: Cache,
  sites: Sites,
  activity: Activity,
  settings: Settings,
};
