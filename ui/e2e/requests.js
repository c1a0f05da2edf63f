// Requests of plain HTTP: in the side panel of their connection, and as a table of their own; queries only when asked for.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { curl, until } from './engine.js';
import { axeFinds, go, shows } from './checks.js';

export async function requestsSeen(page, engine, api, stack, expected) {
  const grid = page.getByRole('grid', { name: 'Requests' });
  const rows = (number) =>
    until(`${number} rows`, async () => Number(await grid.getAttribute('aria-rowcount')) === number + 1);
  const url = (path) => `http://localhost:${engine.origin}${path}`;

  await shows('the side panel of a connection shows its requests, and a query only when asked', async () => {
    await curl(stack, engine, `http://127.0.0.3:${engine.origin}/one?token=secret`, false, 'http');
    await go(page, 'connections');
    await page.getByRole('tab', { name: 'Closed' }).click();
    await page.getByLabel('Filter rows').fill('host=127.0.0.3 proto:http');
    await page
      .getByRole('row', { name: / to 127\.0\.0\.3:/ })
      .first()
      .click();
    const panel = page.getByRole('complementary');
    const row = panel.getByRole('row', { name: /GET \/one\?/ });
    await row.getByText('200', { exact: true }).waitFor();
    assert.equal(await panel.getByText('secret').count(), 0);
    assert.deepEqual(await axeFinds(page, 'the panel of a connection'), []);
    await row.getByRole('button', { name: /^Show query/ }).press('Enter');
    await panel.getByText('/one?token=secret').waitFor();
    await row.getByRole('button', { name: /^Hide query/ }).press('Enter');
    await panel.getByText('/one?token=secret').waitFor({ state: 'detached' });
    await panel.getByRole('button', { name: /^Show all as a table/ }).click();
    await page.getByRole('tab', { name: 'Requests', selected: true }).waitFor();
    await rows(1);
    await page.getByLabel('Filter rows').fill('');
  });

  await shows('a tunnel says that its requests cannot be read', async () => {
    curl(stack, engine, `http://127.0.0.3:${engine.origin}/slow`, true);
    await page.getByRole('tab', { name: 'Active' }).click();
    await page.getByLabel('Filter rows').fill('host=127.0.0.3');
    await page
      .getByRole('row', { name: /^curl to 127\.0\.0\.3/ })
      .first()
      .click();
    await page.getByRole('complementary').getByText('This connection is a tunnel').waitFor();
    await page.keyboard.press('Escape');
    await page.getByLabel('Filter rows').fill('');
  });

  await shows('by keyboard: requests are a table that the engine filters and sorts, live', async () => {
    await page.getByRole('tab', { name: 'Active' }).focus();
    for (let n = 0; n < 3; n += 1) await page.keyboard.press('ArrowRight');
    await grid.waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('url:/live');
    await rows(0);
    await page.getByText('No row matches the filter.').waitFor();
    for (let n = 0; n < 3; n += 1) await curl(stack, engine, url(`/live/${n}`), false, 'http');
    await rows(3);
    await grid.getByRole('button', { name: 'URL' }).click();
    await until('the last URL first', async () =>
      /\/live\/2: 200/.test(await grid.getByRole('row').nth(1).getAttribute('aria-label')),
    );
    await grid.getByRole('button', { name: 'URL' }).click();
    await until('the first URL first', async () =>
      /\/live\/0: 200/.test(await grid.getByRole('row').nth(1).getAttribute('aria-label')),
    );
    await page.getByLabel('Filter rows').fill('status:x');
    await page.getByText('"x" is not a number').waitFor();
    // The engine answers such a filter with 400, which the browser logs.
    expected(/400/);
    await page.getByLabel('Filter rows').fill('url:/live');
    await rows(3);
    await grid.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary', { name: /^Request GET .*\/live\/0/ });
    await panel.getByText('application/octet-stream').waitFor();
    assert.deepEqual(await axeFinds(page, 'requests'), []);
    await panel.getByRole('button', { name: 'Show connection' }).press('Enter');
    await page.getByRole('complementary', { name: /^Why localhost/ }).waitFor();
    await page.keyboard.press('Escape');
  });

  await shows('while the page is hidden no window of rows is sent', async () => {
    await page.getByRole('tab', { name: 'Requests' }).click();
    await rows(3);
    let asked = 0;
    page.on('request', (request) => (asked += request.url().includes('topics=requests') ? 1 : 0));
    const hide = (hidden) =>
      page.evaluate((to) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => to });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
    await hide(true);
    await curl(stack, engine, url('/live/3'), false, 'http');
    await until('its row', async () => (await api('GET', '/requests?filter=url:/live')).total === 4);
    await page.waitForTimeout(1000);
    assert.equal(asked, 0);
    assert.equal(await grid.getAttribute('aria-rowcount'), '4');
    await hide(false);
    await rows(4);
    assert.equal(asked, 1);
  });

  await shows('requests are exported as HAR, with queries only where that is chosen', async () => {
    await page.getByLabel('Filter rows').fill('url:/one');
    await rows(1);
    for (const wanted of [false, true]) {
      await page.getByLabel('With queries').setChecked(wanted);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Export HAR' }).click(),
      ]);
      assert.equal(download.suggestedFilename(), 'privet-requests.har');
      const text = readFileSync(await download.path(), 'utf8');
      assert.equal(JSON.parse(text).log.entries.length, 1);
      assert.equal(text.includes('secret'), wanted);
    }
    await page.getByLabel('Filter rows').fill('');
  });

  await shows('where requests are not recorded, the reason and the setting are shown', async () => {
    await api('PATCH', '/config', { log: { requests: 'none' } });
    await page.getByText('Requests are not recorded: the configuration turns it off.').waitFor();
    await page.getByText('[log] requests = "none"').waitFor();
    assert.deepEqual(await axeFinds(page, 'requests, not recorded'), []);
    await page.getByRole('button', { name: 'History settings' }).click();
    const setting = page.getByRole('combobox', { name: /^Requests/ });
    await until('the setting is shown', async () => (await setting.inputValue()) === 'none');
    await setting.selectOption('memory');
    await page.getByText('The setting for requests was changed.').waitFor();
    assert.equal((await api('GET', '/config')).log.requests, 'memory');
    await page.evaluate(() => (location.hash = 'connections?requests:'));
    await page.getByText('No requests yet.').waitFor();
    await curl(stack, engine, url('/again'), false, 'http');
    await rows(1);
    await page.getByRole('tab', { name: 'Active' }).click();
  });
}
