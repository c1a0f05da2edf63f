// Blocked domains, modes and lists, also where another client or the engine says otherwise.
import assert from 'node:assert/strict';
import { networkAddress, curl, until } from './engine.js';
import { go, shows } from './checks.js';

export async function protectionByHand({ page, engine, api, stack, expected, lists }) {
  await shows('what another client changes on an open page is kept, and said', async () => {
    await page.keyboard.press('Control+5');
    const deny = page.locator('section', { has: page.getByRole('heading', { name: 'Blocked domains' }) });
    await deny.getByText('bad.example', { exact: true }).waitFor();
    // The page has read the configuration; another client is faster.
    const { filter } = await api('GET', '/config');
    await api('PATCH', '/config', { filter: { deny: [...filter.deny, 'by-another.example'] } });
    await deny.getByRole('textbox').fill('by-the-page.example');
    await deny.getByRole('button', { name: 'Add' }).click();
    await page
      .getByText('Another client changed this in the meantime; both changes are in.')
      .first()
      .waitFor();
    const now = (await api('GET', '/config')).filter.deny;
    assert.deepEqual(now, [...filter.deny, 'by-another.example', 'by-the-page.example']);
    await deny.getByText('by-another.example', { exact: true }).waitFor();
    await api('PATCH', '/config', { filter: { deny: filter.deny } });
    // The engine answers the first attempt with 412, which the browser logs.
    expected(/412/);
    await page.reload();
    await page.getByRole('heading', { name: 'Protection' }).waitFor();
  });

  await shows('a domain is blocked, a list turned off and on', async () => {
    await go(page, 'protection');
    await page.getByLabel('Blocked domains').fill('worse.example');
    await page.keyboard.press('Enter');
    await page.getByText('worse.example is blocked.').waitFor();
    await page.getByRole('switch', { name: 'local ads' }).click();
    await page.getByText('local ads is off.').waitFor();
    await page.getByRole('switch', { name: 'local ads' }).click();
    await page.getByText('local ads is on.').waitFor();
    await page.getByRole('radio', { name: /^Minimal/ }).check();
    await page.getByText('The mode Standard was changed.').waitFor();
    assert.equal((await api('GET', '/config')).modes.standard.headers, 'minimal');
  });

  await shows(
    'a setting that the engine refuses goes back to what is true, with the reason beside it',
    async () => {
      const kill = page.getByRole('checkbox', { name: /^Kill switch/ });
      await api('PATCH', '/config', { modes: { standard: { route: 'direct' } } });
      assert.equal(await kill.isChecked(), false);
      await kill.click();
      await page
        .getByRole('alert')
        .filter({ hasText: /cannot go "direct"/ })
        .waitFor();
      assert.equal(await kill.isChecked(), false);
      assert.equal((await api('GET', '/config')).modes.standard.kill_switch, false);
      await api('PATCH', '/config', { modes: { standard: { route: null } } });
      // The other controls, by an engine that refuses everything.
      await page.route('**/api/v1/config', (route) =>
        route.request().method() === 'PATCH'
          ? route.fulfill({
              status: 422,
              contentType: 'application/problem+json',
              body: JSON.stringify({
                type: 'urn:privet:problem:config',
                title: 'Unprocessable Content',
                status: 422,
                detail: 'The engine refuses that.',
              }),
            })
          : route.continue(),
      );
      const said = page.getByRole('alert').filter({ hasText: 'The engine refuses that.' });
      const list = page.getByRole('switch', { name: 'local ads' });
      await list.click();
      await page.getByRole('listitem').filter({ hasText: 'ads.txt' }).getByRole('alert').waitFor();
      assert.equal(await list.isChecked(), true);
      await page.getByRole('radio', { name: /^Reduced/ }).click();
      await until('two reasons', async () => (await said.count()) === 2);
      assert.equal(await page.getByRole('radio', { name: /^Minimal/ }).isChecked(), true);
      assert.equal(await page.getByRole('radio', { name: /^Reduced/ }).isChecked(), false);
      const dns = page.getByRole('combobox', { name: /^DNS/ });
      const before = await dns.inputValue();
      await dns.selectOption(before === 'upstream' ? 'system' : 'upstream');
      await until('three reasons', async () => (await said.count()) === 3);
      assert.equal(await dns.inputValue(), before);
      await page.unroute('**/api/v1/config');
      await kill.click();
      await until('the switch on', async () => (await api('GET', '/config')).modes.standard.kill_switch);
      await until('it shown', () => kill.isChecked());
      await kill.click();
      await until('the switch off', async () => !(await api('GET', '/config')).modes.standard.kill_switch);
      expected(/422/);
    },
  );

  const host = networkAddress();
  await shows('a list is added, counts, blocks when told to, and is taken back', async () => {
    lists.publish('mine', `${host}\n`);
    await page.getByRole('button', { name: 'Add blocklist' }).click();
    const form = page.getByRole('form', { name: 'Add blocklist' });
    await form.getByLabel('Well-known lists').selectOption({ label: 'EasyPrivacy' });
    assert.match(await form.getByLabel(/^Source/).inputValue(), /easyprivacy\.txt$/);
    await form.getByText('It sometimes breaks a site.').waitFor();
    await form.getByLabel('Name', { exact: true }).fill('mine');
    await form.getByLabel(/^Source/).fill(lists.url('mine'));
    await form.getByLabel('Format').selectOption('domains');
    await form.getByRole('button', { name: 'Add', exact: true }).click();
    const row = page.getByRole('listitem').filter({ hasText: lists.url('mine') });
    await row.waitFor();
    // A list blocks private addresses only where its entry says so.
    const { filter } = await api('GET', '/config');
    const list = filter.list.map((entry) =>
      entry.name === 'mine' ? { ...entry, private_addresses: true } : entry,
    );
    await api('PATCH', '/config', { filter: { list } });
    // The page reads the changed configuration when it is opened again.
    await go(page, 'home');
    await go(page, 'protection');
    await row.getByText('counting', { exact: true }).waitFor();
    for (let n = 0; n < 6; n += 1) await curl(stack, engine, `http://${host}:${engine.origin}/`);
    await row.getByText(/would have blocked \d+ connection/).waitFor();
    await row.getByText(host, { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Block with mine now' }).click();
    await row.getByText('blocking', { exact: true }).waitFor();
    await page.getByText('mine blocks now.').waitFor();
    assert.notEqual(await curl(stack, engine, `http://${host}:${engine.origin}/`), 0);
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await row.getByText('counting', { exact: true }).waitFor();
    assert.equal(await curl(stack, engine, `http://${host}:${engine.origin}/`), 0);
  });

  await shows(
    'an update that would block own sites waits for a word, on Home too; a list goes back',
    async () => {
      const row = page.getByRole('listitem').filter({ hasText: lists.url('mine') });
      const refresh = () => page.getByRole('button', { name: 'Refresh mine' }).click();
      lists.publish('mine', 'other.example\n');
      await refresh();
      await page.getByRole('button', { name: 'Block with mine now' }).click();
      await row.getByText('blocking', { exact: true }).waitFor();
      lists.publish('mine', `${host}\nother.example\n`);
      await refresh();
      await row.getByText(/An update is held back/).waitFor();
      await row.getByText(`${host} (`).waitFor();
      await go(page, 'home');
      await page.getByText('An update of the blocklist mine is held back').waitFor();
      await page.getByRole('button', { name: 'Use update' }).click();
      await page.getByText('mine uses the update.').waitFor();
      assert.notEqual(await curl(stack, engine, `http://${host}:${engine.origin}/`), 0);
      await go(page, 'protection');
      await page.getByRole('button', { name: 'Roll back mine to the previous version' }).click();
      await row.getByText(/^Pinned to the version of/).waitFor();
      assert.equal(await curl(stack, engine, `http://${host}:${engine.origin}/`), 0);
      assert.equal((await api('GET', '/lists')).lists[1].pinned, true);
      await page.getByRole('button', { name: 'Resume updates of mine' }).click();
      await page.getByText('Updates of mine were resumed.').waitFor();
      await page.getByRole('button', { name: 'Remove mine' }).click();
      await page.getByText('mine was removed.').waitFor();
      assert.equal(await curl(stack, engine, `http://${host}:${engine.origin}/`), 0);
    },
  );
}
