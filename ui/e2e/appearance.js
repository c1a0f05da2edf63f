// Every page for every reader: themes, contrast, the system's own colours, from right to left, large type; axe finds nothing.
import assert from 'node:assert/strict';
import { PAGES } from './engine.js';
import { axeFinds, go, shows } from './checks.js';

const LOOKS = {
  'light, little motion': { media: { colorScheme: 'light', reducedMotion: 'reduce' } },
  dark: { media: { colorScheme: 'dark' } },
  'high contrast, light': { media: { colorScheme: 'light', contrast: 'more' } },
  'high contrast, dark': { media: { colorScheme: 'dark', contrast: 'more' } },
  "the system's own colours": { media: { colorScheme: 'dark', forcedColors: 'active' } },
  'Arabic, from right to left': { media: { colorScheme: 'light' }, language: 'ar' },
  German: { media: { colorScheme: 'dark' }, language: 'de' },
};
const PLAIN = {
  colorScheme: 'light',
  contrast: 'no-preference',
  forcedColors: 'none',
  reducedMotion: 'no-preference',
};

async function speak(page, language) {
  await page.evaluate((to) => localStorage.setItem('privet.language', to), language);
  await page.reload();
  await page.waitForSelector(`html[lang=${language}]`);
  await page.waitForSelector('nav');
}

/** Content for pages that start empty. */
async function fill(page, name) {
  if (name === 'rules') await page.getByPlaceholder('https://example.com/').fill('https://ads.example/');
  if (name === 'connections') {
    await page.locator('.grid .row').first().click();
    await page.locator('aside .trace').waitFor();
  }
}

/** What of a page cannot be reached by scrolling from top to bottom alone (WCAG 2.2, 1.4.10): tables excepted. */
const tooWide = () => {
  const main = document.querySelector('main');
  const wide = [...main.querySelectorAll('*')].filter((one) => {
    if (one.closest('.grid, table, textarea, code, .unseen, [hidden], svg, canvas, .box')) return false;
    const box = one.getBoundingClientRect();
    return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
  });
  return wide
    .slice(0, 3)
    .map((one) => `${one.tagName} ${one.className} ${one.textContent.trim().slice(0, 40)}`);
};

export async function everyLook(page) {
  for (const [look, { media, language }] of Object.entries(LOOKS)) {
    await shows(`axe finds nothing on any page: ${look}`, async () => {
      await page.emulateMedia({ ...PLAIN, ...media });
      if (language) await speak(page, language);
      else await page.reload();
      const found = [];
      for (const name of PAGES) {
        await go(page, name);
        await fill(page, name);
        await page.waitForTimeout(400);
        found.push(...(await axeFinds(page, `${look}, ${name}`)));
      }
      await page.evaluate(() => (location.hash = 'connections?requests:'));
      await page.locator('.grid .row').first().click();
      await page.locator('aside').waitFor();
      found.push(...(await axeFinds(page, `${look}, requests`)));
      await page.keyboard.press('Control+k');
      found.push(...(await axeFinds(page, `${look}, palette`)));
      await page.keyboard.press('Escape');
      assert.deepEqual(found, []);
    });
    if (language) await speak(page, 'en');
  }
  await page.emulateMedia(PLAIN);

  await shows('with type at 200 % in a small window no page has to be scrolled sideways', async () => {
    await page.setViewportSize({ width: 720, height: 480 });
    await page.evaluate(() => (document.documentElement.style.fontSize = '200%'));
    const found = [];
    for (const name of PAGES) {
      await go(page, name);
      await page.waitForTimeout(400);
      found.push(...(await page.evaluate(tooWide)).map((one) => `${name}: ${one}`));
    }
    await page.evaluate(() => (document.documentElement.style.fontSize = ''));
    await page.setViewportSize({ width: 1280, height: 800 });
    assert.deepEqual(found, []);
  });

  await shows('with little motion nothing moves by itself', async () => {
    await page.emulateMedia({ ...PLAIN, reducedMotion: 'reduce' });
    await go(page, 'home');
    const moves = await page.evaluate(
      () =>
        [...document.querySelectorAll('*')].filter((one) => {
          const { transitionDuration, animationName } = getComputedStyle(one);
          return (
            animationName !== 'none' || transitionDuration.split(',').some((time) => parseFloat(time) > 0)
          );
        }).length,
    );
    assert.equal(moves, 0);
    await page.emulateMedia(PLAIN);
  });
}
