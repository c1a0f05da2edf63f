// The README's pictures of a running Privet: Home and Connections, light and dark.
// node ui/e2e/pictures.js URL TOKEN FOLDER
import { join } from 'node:path';
import { browser, Stack } from './engine.js';

const [url, token, folder] = process.argv.slice(2);
const PAGES = ['home', 'connections'];
/** How long the charts gather data before the first picture, in milliseconds. */
const GATHER = 20_000;
const stack = new Stack();

async function take(chromium, colorScheme) {
  const context = await chromium.newContext({ viewport: { width: 1200, height: 620 }, colorScheme });
  const page = await context.newPage();
  page.on('pageerror', (error) => {
    throw error;
  });
  await page.goto(`${url}#token=${token}`);
  await page.waitForSelector('nav');
  await page.waitForTimeout(GATHER);
  for (const where of PAGES) {
    await page.evaluate((to) => (location.hash = to), where);
    await page.waitForTimeout(1500);
    if (where === 'connections') {
      // The reason of one connection is shown beside the table.
      await page.locator('.grid .row').first().click();
      await page.locator('aside .trace').waitFor();
    }
    const path = join(folder, `${where}-${colorScheme}.png`);
    await page.screenshot({ path });
    console.log(path);
  }
  await context.close();
}

try {
  const chromium = await browser(stack);
  for (const colorScheme of ['light', 'dark']) await take(chromium, colorScheme);
} finally {
  await stack.end();
}
