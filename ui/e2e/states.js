// The text of each page while loading, after a failed call, without an engine, and without content.
import assert from 'node:assert/strict';
import { PAGES } from './engine.js';
import { axeFinds, go, shows } from './checks.js';

/** The first call of each page, and its loading text. */
const ASKS = {
  home: ['**/api/v1/usage**', 'Today'],
  connections: ['**/api/v1/events?topics=connections**', 'Connections'],
  routes: ['**/api/v1/config', 'Routes'],
  rules: ['**/api/v1/config', 'Rules'],
  protection: ['**/api/v1/config', 'Protection'],
  cache: ['**/api/v1/cache?limit=0**', 'Cache'],
  sites: ['**/api/v1/sites', 'Sites'],
  activity: ['**/api/v1/usage**', 'Usage'],
  settings: ['**/api/v1/config', 'Settings'],
};

/** Reloads the page without cached answers. */
async function anew(page, name) {
  await page.evaluate((to) => (location.hash = to), name);
  await page.reload();
  await page.waitForSelector('nav a[aria-current="page"]');
}

export async function honestStates(page, expected) {
  for (const name of PAGES) {
    const [address, what] = ASKS[name];
    await shows(
      `${name} says within a second what it waits for, why it failed, and tries again`,
      async () => {
        let answers;
        const held = new Promise((resolve) => (answers = resolve));
        await page.route(address, async (route) => {
          await held;
          await route.fulfill({
            status: 500,
            contentType: 'application/problem+json',
            body: JSON.stringify({
              type: 'urn:privet:problem:failed',
              title: 'Internal Server Error',
              status: 500,
              detail: 'The disk is full.',
            }),
          });
        });
        await anew(page, name);
        const waits = page.getByText(`Waiting for the engine: ${what}.`).first();
        await waits.waitFor({ timeout: 2500 });
        assert.deepEqual(await axeFinds(page, `${name}, waiting`), []);
        answers();
        await page.getByRole('alert').filter({ hasText: 'The disk is full.' }).first().waitFor();
        await waits.waitFor({ state: 'detached' });
        assert.deepEqual(await axeFinds(page, `${name}, failed`), []);
        const again = page.getByRole('button', { name: 'Try again' }).first();
        await again.waitFor();
        await page.unroute(address);
        // A stream tries by itself too, and may be quicker than the press.
        if (name !== 'connections') await again.click();
        await page.getByText('The disk is full.').first().waitFor({ state: 'detached' });
      },
    );

    await shows(`${name} says when nobody answers any more, and that what it shows is old`, async () => {
      await go(page, name);
      await page.route('**/api/v1/**', (route) => route.abort('connectionrefused'));
      await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
      const alert = page.getByRole('alert').filter({ hasText: 'Disconnected from Privet.' });
      await alert.getByText('The page shows the last known state.').waitFor();
      assert.match(await page.title(), /^Disconnected/);
      assert.deepEqual(await axeFinds(page, `${name}, disconnected`), []);
      await alert.getByRole('button', { name: 'Retry now' }).waitFor();
      await page.unroute('**/api/v1/**');
      // It tries by itself too, and may be quicker than the press.
      await alert.waitFor({ state: 'detached', timeout: 15_000 });
    });
  }

  await shows('with no engine from the start the page says how it is started', async () => {
    await page.route('**/api/v1/**', (route) => route.abort('connectionrefused'));
    await anew(page, 'home');
    await page.getByText('No answer: Privet may be stopped.').waitFor();
    assert.deepEqual(await axeFinds(page, 'no engine'), []);
    await page.unroute('**/api/v1/**');
    await page.getByRole('heading', { name: /^On · Standard/ }).waitFor({ timeout: 15_000 });
  });

  await shows('where there is nothing, it is said, with what can be done', async () => {
    const empty = { total: 0, offset: 0, rows: [], groups: [], up: 0, down: 0, up_speed: 0, down_speed: 0 };
    await page.route('**/api/v1/events?topics=connections**', (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: `event: connections\ndata: ${JSON.stringify(empty)}\n\n`,
      }),
    );
    await anew(page, 'connections');
    await page.getByText('No active connections.').waitFor();
    await page.getByText(/curl -x socks5h/).waitFor();
    await page.unroute('**/api/v1/events?topics=connections**');
    await page.route('**/api/v1/sites', (route) => route.fulfill({ json: { sites: [] } }));
    await anew(page, 'sites');
    await page.getByRole('heading', { name: 'No sites yet' }).waitFor();
    await page.getByText('[[site.backend]]').waitFor();
    assert.deepEqual(await axeFinds(page, 'sites, empty'), []);
    await page.unroute('**/api/v1/sites');
  });
  expected(/500|ERR_CONNECTION_REFUSED|ERR_FAILED/);
}
