// The page of the sites: backends with health and load; drain and weight by hand, and back.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { until } from './engine.js';
import { axeFinds, go, shows } from './checks.js';

/** A request to the site; gives the status. */
const ask = (engine) =>
  new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port: engine.site, path: '/', headers: { host: 'app.test' } },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      },
    );
    asked.on('error', reject);
    asked.end();
  });

export async function sitesByHand(page, engine, api) {
  const url = `http://127.0.0.1:${engine.origin}`;
  const backend = async () => {
    const [site] = (await api('GET', '/sites')).sites;
    return site.routes[0].backends.find((one) => one.url === url);
  };

  await shows('a site shows its backends with health and load, and hides none', async () => {
    await go(page, 'sites');
    await page.getByRole('heading', { name: 'app' }).waitFor();
    await page.getByRole('row', { name: new RegExp(`${url}.*Healthy`) }).waitFor();
    await page.getByRole('row', { name: /127\.0\.0\.1:1 .*Unhealthy/ }).waitFor();
    for (let n = 0; n < 20; n += 1) assert.equal(await ask(engine), 200);
    await page.getByRole('img', { name: new RegExp(`^${url}: `) }).waitFor();
    await until('the load is drawn', async () =>
      /[1-9]\d* requests a second|at most [1-9]/.test(
        await page.getByRole('img', { name: new RegExp(`^${url}: `) }).getAttribute('aria-label'),
      ),
    );
    assert.deepEqual(await axeFinds(page, 'sites'), []);
  });

  await shows('by keyboard: a backend is drained, and the drain is undone', async () => {
    await page.getByRole('button', { name: `Drain ${url}` }).focus();
    await page.keyboard.press('Enter');
    await page.getByText(`${url} gets no new requests`).waitFor();
    await page.getByRole('row', { name: new RegExp(`${url}.*Draining`) }).waitFor();
    assert.equal((await backend()).state, 'draining');
    await page.getByRole('button', { name: 'Undo' }).first().click();
    await until('its use', async () => (await backend()).state === 'healthy');
  });

  await shows('a weight by hand holds until it is reset', async () => {
    await page.getByLabel(`Weight of ${url}`).fill('5');
    await page.keyboard.press('Enter');
    await until('the weight', async () => (await backend()).manual_weight === 5);
    await page.getByRole('button', { name: `Use the configured weight of ${url}` }).click();
    await until('the reset', async () => (await backend()).manual_weight === null);
  });
}
