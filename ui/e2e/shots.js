// Pictures of every page, as people with different eyes, scripts and windows see it, in `ui/shots` (which git ignores).
// A word picks those whose name holds it: npm run shots -- dark-wide
import { mkdirSync } from 'node:fs';
import { browser, PAGES, Stack, start, traffic } from './engine.js';

const wide = { width: 1280, height: 800 };
const small = { width: 720, height: 480 };
/** How each picture is taken: the window, what the reader asks of pages, the language, the size of type in per cent. */
const LOOKS = {
  'light-wide': { viewport: wide },
  'dark-wide': { viewport: wide, colorScheme: 'dark' },
  'light-small': { viewport: small },
  'dark-small': { viewport: small, colorScheme: 'dark' },
  'contrast-light': { viewport: wide, contrast: 'more' },
  'contrast-dark': { viewport: wide, colorScheme: 'dark', contrast: 'more' },
  forced: { viewport: wide, colorScheme: 'dark', forcedColors: 'active' },
  german: { viewport: wide, locale: 'de-DE' },
  'rtl-wide': { viewport: wide, locale: 'ar' },
  'rtl-small': { viewport: small, locale: 'ar', colorScheme: 'dark' },
  large: { viewport: small, type: 200 },
};
/** Rules of each kind, so that all there is to show of one is seen; each is a change of the timeline too. */
const RULES = [
  { rule: { match: { domain: ['api.intranet.example'], port: [443] }, use: 'berlin' }, position: 10 },
  { rule: { match: { domain_suffix: ['videos.example'], app: ['firefox'] }, use: 'block' }, for: '1h' },
  { rule: { match: { domain_suffix: ['once.example'] }, use: 'direct' }, for: 'once' },
  { rule: { match: { app: ['updater'] }, use: 'block' }, for: 'until-quit' },
];
const folder = new URL('../shots', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const only = process.argv[2] ?? '';
const stack = new Stack();

async function take(chromium, engine, name, { type = 100, ...options }) {
  const context = await chromium.newContext(options);
  const page = await context.newPage();
  const shot = (what, more = {}) => page.screenshot({ path: `${folder}/${name}-${what}.png`, ...more });
  page.on('console', (line) => line.type() === 'error' && console.log(`${name}: ${line.text()}`));
  page.on('pageerror', (error) => console.log(`${name}: ${error.message}`));
  await page.goto(`${engine.url}#token=${engine.token}`);
  await page.waitForSelector('nav');
  await page.evaluate((size) => (document.documentElement.style.fontSize = `${size}%`), type);
  await page.waitForTimeout(options.viewport === wide ? 6000 : 1500);
  for (const where of PAGES) {
    await page.evaluate((to) => (location.hash = to), where);
    await page.waitForTimeout(900);
    if (where === 'rules') {
      await page.getByPlaceholder('https://example.com/').fill('https://ads.example/');
      await page.waitForTimeout(600);
    }
    await shot(where);
    if (where === 'connections') {
      await page.locator('.grid .row').first().click();
      await page.waitForTimeout(700);
      await shot('why');
      await page.evaluate(() => (location.hash = 'connections?requests:'));
      await page.waitForTimeout(900);
      await page.locator('.grid .row').first().click();
      await page.waitForTimeout(500);
      await shot('requests');
    }
    if (where === 'routes' && options.viewport === wide) {
      await page.locator('header button.act').click();
      await page.waitForTimeout(300);
      await shot('upstream');
    }
    if (['protection', 'settings', 'activity'].includes(where) && options.viewport === wide) {
      await page.setViewportSize({ ...wide, height: 2000 });
      await shot(`${where}-whole`);
      await page.setViewportSize(wide);
    }
  }
  await page.keyboard.press('Control+k');
  await page.waitForTimeout(300);
  await shot('palette');
  await context.close();
}

try {
  const engine = await start(stack);
  await traffic(stack, engine);
  for (const wish of RULES) {
    await fetch(`${engine.url}api/v1/rules`, {
      method: 'POST',
      headers: { authorization: `Bearer ${engine.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(wish),
    });
  }
  const chromium = await browser(stack);
  for (const [name, options] of Object.entries(LOOKS)) {
    if (name.includes(only)) await take(chromium, engine, name, options);
  }
  console.log(`pictures are in ${folder}`);
} finally {
  await stack.end();
}
