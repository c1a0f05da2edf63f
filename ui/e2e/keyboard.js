// The keyboard alone, from the address bar on: find a connection, ask why, copy it as curl, close it; and what else has keys.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { curl, until } from './engine.js';
import { shows } from './checks.js';

/** What has the focus, and whether that can be seen. */
const focused = (page) =>
  page.evaluate(() => {
    const here = document.activeElement;
    const style = getComputedStyle(here);
    return {
      name: here.getAttribute('aria-label') ?? here.textContent.trim(),
      role: here.getAttribute('role') ?? here.tagName.toLowerCase(),
      column: here.closest('[aria-colindex]')?.getAttribute('aria-colindex'),
      seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    };
  });

/** Presses Tab until the wanted element has the focus; the focus must be visible at every stop. */
async function tabTo(page, test, most = 40) {
  for (let n = 0; n < most; n += 1) {
    await page.keyboard.press('Tab');
    const here = await focused(page);
    assert.ok(here.seen, `the focus is not seen on ${here.role} ${here.name}`);
    if (test(here)) return here;
  }
  throw new Error('Tab does not lead there');
}

export async function byKeyboard(page, engine, api, stack) {
  await shows('by keyboard alone: a connection is found, explained, copied as curl and closed', async () => {
    curl(stack, engine, `http://127.0.0.3:${engine.origin}/slow`, true);
    await until(
      'the connection',
      async () => (await api('GET', '/connections?filter=host=127.0.0.3')).total === 1,
    );
    await page.keyboard.press('Control+1');
    await page.getByRole('heading', { name: 'On · Standard' }).waitFor();
    await page.keyboard.press('Control+2');
    await page.getByRole('row', { name: /127\.0\.0\.3/ }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('ho');
    await page.getByRole('option', { name: 'host:' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.type('127.0.0.3');
    await until('one row', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '2');
    await page.keyboard.press('Enter');
    const row = await focused(page);
    assert.match(row.name, /^curl to 127\.0\.0\.3:\d+: direct, direct, down/);
    assert.equal(row.role, 'row');
    assert.ok(row.seen, 'the row with the focus is not seen');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary', { name: /Why 127\.0\.0\.3/ }).waitFor();
    await page.getByText('no rule matches → direct').first().waitFor();
    await page.keyboard.press('c');
    await page.getByText(/^Copied: curl -x/).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, `curl -x socks5h://127.0.0.1:${engine.proxy} 'https://127.0.0.3:${engine.origin}/'`);
    await page.keyboard.press('Delete');
    await page.getByText(`Closed: 127.0.0.3:${engine.origin}`).waitFor();
    await until('its end', async () => (await api('GET', '/connections?filter=host=127.0.0.3')).total === 0);
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.press('Escape');
  });

  await shows(
    'by keyboard alone: rows are walked, columns sorted, widened and moved, and stay so',
    async () => {
      const grid = page.getByRole('grid');
      await until('all rows', async () => Number(await grid.getAttribute('aria-rowcount')) > 2);
      await page.keyboard.press('Home');
      const first = (await focused(page)).name;
      await page.keyboard.press('ArrowDown');
      assert.notEqual((await focused(page)).name, first);
      await page.keyboard.press('End');
      await page.keyboard.press('PageUp');
      await page.evaluate(() => document.querySelector('main').focus());
      const head = await tabTo(page, ({ role, column }) => role === 'button' && column === '1');
      assert.equal(head.name, 'Verdict');
      await page.keyboard.press('ArrowRight');
      assert.equal((await focused(page)).name, 'Program');
      await page.keyboard.press('Enter');
      assert.equal(await page.getByRole('columnheader').nth(1).getAttribute('aria-sort'), 'descending');
      await page.keyboard.press('Tab');
      const edge = await focused(page);
      assert.deepEqual([edge.role, edge.name, edge.seen], ['separator', 'Width of Program', true]);
      const width = () =>
        page.getByRole('separator', { name: 'Width of Program' }).getAttribute('aria-valuenow');
      const before = Number(await width());
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Shift+ArrowRight');
      assert.equal(Number(await width()), before + 48);
      await page.keyboard.press('Shift+Tab');
      await page.keyboard.press('Alt+ArrowRight');
      assert.equal((await focused(page)).column, '3');
      await page.reload();
      await page.getByRole('grid').waitFor();
      const names = await page.getByRole('columnheader').allTextContents();
      assert.deepEqual(
        names.slice(0, 3).map((name) => name.trim().split(/\s/)[0]),
        ['Verdict', 'Host', 'Program'],
      );
      assert.equal(Number(await width()), before + 48);
    },
  );

  await shows('columns are moved and widened by drag', async () => {
    const header = page.getByRole('columnheader', { name: /Host/ });
    const target = await page.getByRole('columnheader', { name: /Port/ }).boundingBox();
    const from = await header.getByRole('button').boundingBox();
    await page.mouse.move(from.x + 20, from.y + 10);
    await page.mouse.down();
    await page.mouse.move(from.x + 60, from.y + 10);
    await page.mouse.move(target.x + 20, target.y + 10);
    await page.mouse.up();
    assert.equal(await header.getAttribute('aria-colindex'), '4');
    const edge = page.getByRole('separator', { name: 'Width of Verdict' });
    const at = await edge.boundingBox();
    await page.mouse.move(at.x + 4, at.y + 8);
    await page.mouse.down();
    await page.mouse.move(at.x + 44, at.y + 8);
    await page.mouse.up();
    assert.equal(await edge.getAttribute('aria-valuenow'), '128');
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('button', { name: 'Reset columns' }).click();
    await page.keyboard.press('Escape');
  });

  await shows('what matches is exported as HAR and as CSV', async () => {
    for (const [button, ending, look] of [
      ['Export HAR', 'har', (text) => JSON.parse(text).log.entries.length],
      ['Export CSV', 'csv', (text) => text.trim().split('\r\n').length - 1],
    ]) {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: button }).click(),
      ]);
      assert.equal(download.suggestedFilename(), `privet-active.${ending}`);
      const rows = Number(await page.getByRole('grid').getAttribute('aria-rowcount')) - 1;
      assert.equal(look(readFileSync(await download.path(), 'utf8')), rows);
    }
  });
}
