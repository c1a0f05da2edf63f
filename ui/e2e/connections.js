// Connections: rows, query bar, groups, frozen tables, and rules made from a row.
import assert from 'node:assert/strict';
import { curl, until } from './engine.js';
import { byKeyboard } from './keyboard.js';
import { shows } from './checks.js';

export async function connectionsSeen({ page, engine, api, stack, expected }) {
  await shows('connections that stand are rows that read as sentences', async () => {
    await page.keyboard.press('Control+2');
    const row = page.getByRole('row', { name: /^curl to localhost:\d+: direct/ });
    await row.waitFor();
    await page.getByRole('row', { name: /^curl to 127\.0\.0\.2:\d+: routed, berlin/ }).waitFor();
    assert.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), '4');
  });

  await shows('the query bar filters, and says what it does not understand', async () => {
    const bar = page.getByLabel('Filter rows');
    await bar.fill('host:localhost');
    await until('one row', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '2');
    await bar.fill('nosuch:x');
    await page.getByText('there is no field "nosuch"').waitFor();
    await page.keyboard.press('Escape');
    await until('all rows', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '4');
    // The engine answers such a filter with 400, which the browser logs.
    expected(/400/);
  });

  await shows('by keyboard alone: a row is chosen, frozen, explained', async () => {
    await page.getByRole('grid').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary');
    await panel.getByRole('button', { name: 'Show all steps' }).click();
    await panel.getByText('the target is not Privet itself').waitFor();
  });

  await shows('a group of rows has its sums, and can be looked into', async () => {
    await page.getByLabel('Group by').selectOption('verdict');
    await page.getByRole('row', { name: /^direct 2/ }).waitFor();
    await page.getByRole('button', { name: 'routed', exact: true }).click();
    await until('one row', async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === '2');
    await page.getByLabel('Filter rows').fill('');
  });

  await shows('from a blocked row: allow it for an hour, and take it back', async () => {
    await page.getByRole('tab', { name: 'Blocked' }).click();
    await page.getByRole('row', { name: /ads\.example/ }).click();
    const panel = page.getByRole('complementary');
    await panel.getByText('list local ads', { exact: true }).waitFor();
    await panel.getByRole('button', { name: 'Allow', exact: true }).click();
    await panel.getByText(/would have gone differently/).waitFor();
    await panel.getByRole('button', { name: 'Create rule' }).click();
    await page.getByText('ads.example is allowed.').waitFor();
    const [rule] = (await api('GET', '/config')).rule;
    assert.deepEqual(rule.match, { domain_suffix: ['ads.example'] });
    assert.ok(Date.parse(rule.until) > Date.now());
    await panel.getByText('Direct.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).first().click();
    await page.getByText('Undone: ads.example is allowed.').waitFor();
    assert.equal((await api('GET', '/config')).rule.length, 2);
  });

  await byKeyboard(page, engine, api, stack);

  await shows('a frozen table filters the rows it shows, and closes only these', async () => {
    const grid = page.getByRole('grid');
    const rows = (number) =>
      until(`${number} rows`, async () => Number(await grid.getAttribute('aria-rowcount')) === number + 1);
    await page.getByRole('tab', { name: /Active/ }).click();
    const { total } = await api('GET', '/connections');
    await rows(total);
    await page.getByRole('button', { name: 'Freeze' }).click();
    await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
    for (let n = 0; n < 2; n += 1) curl(stack, engine, `http://127.0.0.3:${engine.origin}/slow`, true);
    await until('two more', async () => (await api('GET', '/connections')).total === total + 2);
    await page.getByLabel('Filter rows').fill('host:127.0.0.');
    await rows(2);
    assert.equal(await page.getByRole('row', { name: /127\.0\.0\.3/ }).count(), 0);
    await page.getByRole('combobox', { name: /^Group by/ }).selectOption('domain');
    await page.getByRole('row', { name: /^127\.0\.0\.2 1/ }).waitFor();
    await page.getByRole('combobox', { name: /^Group by/ }).selectOption('');
    await page.getByLabel('Filter rows').fill('host:127.0.0.3');
    await page.getByText('Close matching').waitFor();
    await rows(0);
    await page.getByLabel('Filter rows').fill('');
    await rows(total);
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await rows(total + 2);
    await page.getByLabel('Filter rows').fill('host=127.0.0.3');
    await rows(2);
    await page.getByRole('button', { name: 'Freeze' }).click();
    await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
    curl(stack, engine, `http://127.0.0.3:${engine.origin}/slow`, true);
    await until('a third', async () => (await api('GET', '/connections?filter=host=127.0.0.3')).total === 3);
    await page.getByRole('button', { name: 'Close matching' }).click();
    await page.getByText('Closed 2 connections.').waitFor();
    await until('one left', async () => (await api('GET', '/connections?filter=host=127.0.0.3')).total === 1);
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await api('DELETE', '/connections?filter=host=127.0.0.3');
    await page.getByLabel('Filter rows').fill('');
    await until('its end', async () => (await api('GET', '/connections')).total === total);
  });

  await shows('a group of one host does not hold hosts that contain its name', async () => {
    await page.getByRole('combobox', { name: /^Group by/ }).selectOption('domain');
    await page.getByRole('button', { name: 'localhost', exact: true }).click();
    assert.equal(await page.getByLabel('Filter rows').inputValue(), 'host=localhost');
    for (const [filter, count] of [
      ['host=localhost', 1],
      ['host=ocalhost', 0],
      ['host:ocalhost', 1],
      ['host=127.0.0', 0],
    ])
      assert.equal((await api('GET', `/connections?filter=${filter}`)).total, count, filter);
    await page.getByLabel('Filter rows').fill('');
  });

  await shows('Escape closes the topmost thing only', async () => {
    const panel = page.getByRole('complementary');
    await page.getByRole('row', { name: /localhost/ }).click();
    await panel.waitFor();
    await page.getByRole('button', { name: 'Columns' }).click();
    const menu = page.getByRole('group', { name: 'Columns' });
    await menu.waitFor();
    await page.keyboard.press('Control+k');
    const palette = page.getByRole('dialog', { name: 'Commands' });
    await palette.waitFor();
    await page.keyboard.press('Escape');
    await palette.waitFor({ state: 'detached' }).catch(() => undefined);
    assert.equal(await page.locator('dialog[open]').count(), 0);
    assert.equal(await menu.count(), 1);
    await page.keyboard.press('Escape');
    await menu.waitFor({ state: 'detached' });
    assert.equal(await panel.count(), 1);
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
  });

  await shows('closing what matches ends those connections alone', async () => {
    await page.getByRole('tab', { name: /Active/ }).click();
    await page.getByLabel('Filter rows').fill('host=127.0.0.1');
    await page.getByRole('button', { name: 'Close matching' }).click();
    await page.getByText('Closed 1 connection.').waitFor();
    await until('two that stand', async () => (await api('GET', '/connections')).total === 2);
  });
}
