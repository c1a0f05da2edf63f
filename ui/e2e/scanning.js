// Scanning and HTTPS inspection on the Protection page.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { curl, PAGES, until } from './engine.js';
import { axeFinds, go, shows } from './checks.js';

/** A rule for the test file that the engine serves to itself. */
const RULE = 'rule test_file { strings: $a = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE" condition: $a }';

/** The store of Chromium in this home, empty. */
function makeStore(home) {
  const folder = join(home, '.pki/nssdb');
  mkdirSync(folder, { recursive: true });
  execFileSync('certutil', ['-N', '-d', `sql:${folder}`, '--empty-password']);
}

export async function scanningByHand({ page, engine, api, stack }) {
  makeStore(engine.home);
  writeFileSync(join(dirname(engine.config), 'test.yar'), RULE);
  const section = (name) => page.getByRole('region', { name, exact: true });

  await shows('scanning is turned on with its scanners, and tested through the whole path', async () => {
    await go(page, 'protection');
    const form = page.getByRole('form', { name: 'Scanning' });
    await form.getByText('At least one scanner is needed.').waitFor();
    await form.getByLabel(/^YARA rules/).fill('test.yar');
    await form.getByRole('button', { name: 'Turn on scanning' }).press('Enter');
    await page.getByText('Scanning is on.').first().waitFor();
    const card = section('Scanning');
    await card.getByRole('row', { name: /^YARA .*ready.*1 rule/ }).waitFor();
    await card.getByRole('button', { name: 'Test scanning' }).press('Enter');
    await card.getByText('✓ The test file was stopped.').waitFor();
    const found = card.getByRole('row', { name: /yara · test_file/ }).first();
    await found.waitFor();
    await found.getByRole('button', { name: /^Allow once/ }).press('Enter');
    await page.getByText(/may fetch it once until/).waitFor();
    assert.deepEqual(await axeFinds(page, 'protection, scanning'), []);
    const hold = card.getByRole('group', { name: 'What waits for its verdict' });
    assert.equal(await hold.getByRole('radio', { name: /^Small bodies/ }).isChecked(), true);
    await hold.getByRole('radio', { name: /^Everything/ }).check();
    await until('all held', async () => (await api('GET', '/config')).scan.hold === 'all');
    const archives = card.getByRole('group', { name: 'Archives that no scanner can open' });
    assert.equal(await archives.getByRole('radio', { name: /^Stop them/ }).isChecked(), true);
    await archives.getByRole('radio', { name: /^Let them pass/ }).check();
    await until('archives pass', async () => (await api('GET', '/config')).scan.unscannable === 'pass');
    await page.getByText('What happens to archives that no scanner can open was changed.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await until('stopped again', () => archives.getByRole('radio', { name: /^Stop them/ }).isChecked());
    await card.getByRole('button', { name: 'Turn off scanning' }).click();
    await page.getByRole('form', { name: 'Scanning' }).waitFor();
    assert.equal((await api('GET', '/config')).scan.enabled, false);
  });

  await shows('inspection needs a host, makes its authority, and its lists are undone', async () => {
    const card = section('HTTPS inspection');
    const turnOn = card.getByRole('button', { name: 'Turn on inspection' });
    await card.getByText('Add a host first.').waitFor();
    assert.equal(await turnOn.isDisabled(), true);
    await card.getByLabel('Inspected hosts').fill('*.inspected.example');
    await page.keyboard.press('Enter');
    await page.getByText('*.inspected.example is inspected.').waitFor();
    await turnOn.press('Enter');
    await page.getByRole('link', { name: /HTTPS of chosen hosts is inspected/ }).waitFor();
    await card.getByText(/^Privet inspection [0-9A-F]+$/).waitFor();
    assert.deepEqual(await axeFinds(page, 'protection, inspection'), []);
    await card.getByLabel('Never inspected').fill('bank.inspected.example');
    await page.keyboard.press('Enter');
    await page.getByText('bank.inspected.example is never inspected.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await until('no exception', async () => (await api('GET', '/config')).inspect.except.length === 0);
  });

  await shows(
    'a browser’s store is trusted and left, each measured, and all are left by one button',
    async () => {
      const card = section('HTTPS inspection');
      const store = card.getByRole('listitem').filter({ hasText: 'Chromium' });
      await store.getByText('does not trust it', { exact: true }).waitFor();
      await store.getByRole('button', { name: /^Add to/ }).press('Enter');
      await store.getByText('trusts it', { exact: true }).waitFor();
      const trusted = async () =>
        (await api('GET', '/inspect')).stores.find((one) => one.name.includes('Chromium')).trusted;
      assert.equal(await trusted(), true);
      await store.getByRole('button', { name: /^Remove from/ }).press('Enter');
      await store.getByText('does not trust it', { exact: true }).waitFor();
      assert.equal(await trusted(), false);
      await card.getByRole('button', { name: 'Trust everywhere possible' }).press('Enter');
      await store.getByText('trusts it', { exact: true }).waitFor();
      await card.getByRole('button', { name: 'Remove everywhere' }).press('Enter');
      await store.getByText('does not trust it', { exact: true }).waitFor();
      assert.equal(await trusted(), false);
    },
  );

  await shows('connections say whether they were inspected, in a column and by filter', async () => {
    const { inspect } = await api('GET', '/config');
    const fetch = () => curl(stack, engine, `http://localhost:${engine.origin}/`);
    await api('PATCH', '/config', { inspect: { hosts: ['localhost'] } });
    await fetch();
    await api('PATCH', '/config', { inspect: { except: [...inspect.except, 'localhost'] } });
    await fetch();
    await go(page, 'connections');
    await page.getByRole('tab', { name: 'Closed' }).click();
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('checkbox', { name: 'Inspection' }).check();
    await page.keyboard.press('Escape');
    const grid = page.getByRole('grid');
    await grid.getByRole('columnheader', { name: 'Inspection' }).waitFor();
    const bar = page.getByLabel('Filter rows');
    for (const [filter, text] of [
      ['inspection:inspected', 'inspected'],
      ['inspection:untouched inspection_why:except', 'not inspected'],
    ]) {
      await bar.fill(filter);
      await until('one row', async () => (await grid.getAttribute('aria-rowcount')) === '2');
      await grid.getByRole('gridcell', { name: text, exact: true }).waitFor();
    }
    await bar.press('Shift+Tab');
    await page.getByRole('button', { name: 'Filter help' }).click();
    await page.getByRole('button', { name: 'inspection:untouched' }).waitFor();
    await page.keyboard.press('Escape');
    assert.deepEqual(await axeFinds(page, 'connections, inspection'), []);
    await bar.fill('');
    await api('PATCH', '/config', { inspect: { hosts: inspect.hosts, except: inspect.except } });
    await go(page, 'protection');
  });

  await shows('inspection is said on every page while it is on', async () => {
    const card = section('HTTPS inspection');
    for (const name of PAGES) {
      await go(page, name);
      await page.getByRole('link', { name: /HTTPS of chosen hosts is inspected/ }).waitFor();
    }
    await page.getByRole('link', { name: /HTTPS of chosen hosts is inspected/ }).press('Enter');
    await card.getByRole('button', { name: 'Turn off inspection' }).click();
    await page.getByRole('link', { name: /HTTPS of chosen hosts/ }).waitFor({ state: 'detached' });
    assert.equal((await api('GET', '/config')).inspect.enabled, false);
  });
}
