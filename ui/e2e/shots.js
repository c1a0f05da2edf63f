// Pictures of every page in both themes, wide and narrow, in `ui/shots`.
import { mkdirSync } from 'node:fs';
import { browser, Stack, start, traffic } from './engine.js';

const PAGES = ['home', 'connections', 'routes', 'rules', 'protection', 'activity', 'settings'];
const SIZES = { wide: { width: 1280, height: 800 }, small: { width: 720, height: 480 } };
const folder = new URL('../shots', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const only = process.argv[2];
const stack = new Stack();
try {
  const engine = await start(stack);
  const address = engine.url;
  await traffic(stack, engine);
  const chromium = await browser(stack);
  for (const theme of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      if (only && only !== `${theme}-${size}`) continue;
      const context = await chromium.newContext({ viewport, colorScheme: theme });
      const page = await context.newPage();
      page.on('console', (line) => line.type() === 'error' && console.log(`console: ${line.text()}`));
      page.on('pageerror', (error) => console.log(`page: ${error.message}`));
      await page.goto(`${address}#token=${engine.token}`);
      await page.waitForSelector('nav');
      await page.waitForTimeout(size === 'wide' ? 6000 : 1500);
      for (const name of PAGES) {
        await page.evaluate((to) => (location.hash = to), name);
        await page.waitForTimeout(900);
        if (name === 'rules') {
          await page.getByPlaceholder('https://example.com/').fill('https://ads.example/');
          await page.waitForTimeout(600);
        }
        await page.screenshot({ path: `${folder}/${theme}-${size}-${name}.png` });
        if (name === 'connections') {
          await page.locator('[role=grid] .row').first().click();
          await page.waitForTimeout(700);
          await page.screenshot({ path: `${folder}/${theme}-${size}-why.png` });
        }
        if (name === 'routes' && size === 'wide') {
          await page.getByRole('button', { name: 'Add upstream' }).click();
          await page.waitForTimeout(300);
          await page.screenshot({ path: `${folder}/${theme}-${size}-upstream.png` });
        }
        if (name === 'protection' && size === 'wide') {
          await page.screenshot({ path: `${folder}/${theme}-${size}-${name}-whole.png`, fullPage: true });
        }
      }
      await page.keyboard.press('Control+k');
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${folder}/${theme}-${size}-palette.png` });
      await context.close();
    }
  }
  console.log(`pictures are in ${folder}`);
} finally {
  await stack.end();
}
