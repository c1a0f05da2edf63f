/** The pages, in the order of the rail. */
export const PAGES = [
  'home',
  'connections',
  'routes',
  'rules',
  'protection',
  'cache',
  'sites',
  'activity',
  'settings',
] as const;
export type PageName = (typeof PAGES)[number];
