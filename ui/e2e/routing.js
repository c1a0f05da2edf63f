// System proxy, modes, upstreams, rules, and the timeline of changes.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { curl, until } from './engine.js';
import { go, shows } from './checks.js';

export async function routingByHand({ page, engine, api, stack }) {
  await shows(
    'the system proxy is switched on, changed by another, taken back, and left as it was',
    async () => {
      await go(page, 'home');
      const read = () => (existsSync(engine.kioslaverc) ? readFileSync(engine.kioslaverc, 'utf8') : '');
      const toggle = page.getByRole('switch', { name: 'System proxy' });
      await toggle.click();
      await page.getByText('The system proxy points at Privet.').waitFor();
      assert.equal(await toggle.getAttribute('aria-checked'), 'true');
      assert.match(read(), /ProxyType.*=2/);
      writeFileSync(engine.kioslaverc, '[Proxy Settings]\nProxyType=1\nhttpProxy=http://127.0.0.1 7890\n');
      await page.getByText('The system proxy was changed by another program.').first().waitFor();
      assert.equal(await toggle.getAttribute('aria-checked'), 'false');
      await page.getByRole('button', { name: 'Use Privet again' }).click();
      await page.getByText('The system proxy points at Privet.').waitFor();
      await toggle.click();
      await page.getByText('The previous system proxy was restored.').waitFor();
      assert.match(read(), /ProxyType.*=1/);
    },
  );

  await shows(
    'upstreams are imported from a list, and a chain is put in another order by keyboard and by drag',
    async () => {
      await go(page, 'routes');
      await page.getByRole('button', { name: 'Import' }).click();
      await page
        .getByLabel(/^Proxies/)
        .fill('socks5://127.0.0.1:9#oslo 100%\nnonsense\nhttp://50%25%:pass@127.0.0.1:8#rome');
      await page.getByText('Not an address: line 2.').waitFor();
      await page.getByText(/Passwords are not imported.*rome/).waitFor();
      await page.getByRole('button', { name: 'Add upstreams' }).click();
      await page.getByText('2 upstreams were imported.').waitFor();
      const routeOf = async (name) =>
        (await api('GET', '/upstreams')).upstreams.find((one) => one.name === name).route;
      assert.equal(await routeOf('rome'), 'rome');
      const { upstream } = await api('GET', '/config');
      assert.equal(upstream.find((one) => one.name === 'oslo 100%').url, 'socks5://127.0.0.1:9');
      assert.equal(upstream.find((one) => one.name === 'rome').username, '50%%');
      assert.equal(await routeOf('tor'), 'berlin → tor');
      await page.getByRole('button', { name: 'tor, hop 2 of 2' }).focus();
      await page.keyboard.press('Alt+ArrowLeft');
      await page.getByText('The chain is now tor → berlin.').waitFor();
      assert.equal(await routeOf('berlin'), 'tor → berlin');
      const [from, to] = await Promise.all(
        ['berlin, hop 2 of 2', 'tor, hop 1 of 2'].map((name) =>
          page.getByRole('button', { name }).boundingBox(),
        ),
      );
      await page.mouse.move(from.x + 8, from.y + 8);
      await page.mouse.down();
      await page.mouse.move(to.x + 30, to.y + 8);
      await page.mouse.move(to.x + 8, to.y + 8);
      await page.mouse.up();
      await page.getByText('The chain is now berlin → tor.').waitFor();
      assert.equal(await routeOf('tor'), 'berlin → tor');
    },
  );

  await shows('the mode is switched, paused with its time, and resumed', async () => {
    await go(page, 'home');
    await page.getByRole('radio', { name: 'Strict' }).click();
    await page.getByRole('heading', { name: /On · Strict · via auto/ }).waitFor();
    assert.equal((await api('GET', '/status')).mode.name, 'strict');
    await page.getByRole('button', { name: '15 min' }).click();
    await page.getByText(/1[45]:\d\d left, then Strict/).waitFor();
    await page.getByRole('button', { name: 'Resume now' }).click();
    await page.getByRole('heading', { name: /On · Strict/ }).waitFor();
    await page.getByRole('radio', { name: 'Standard' }).click();
    await page.getByRole('heading', { name: /On · Standard/ }).waitFor();
  });

  await shows('arrow keys move between the modes, and only Space switches', async () => {
    const standard = page.getByRole('radio', { name: 'Standard' });
    await standard.focus();
    await page.keyboard.press('ArrowRight');
    const strict = page.getByRole('radio', { name: 'Strict' });
    assert.ok(await strict.evaluate((one) => one === document.activeElement));
    await page.waitForTimeout(500);
    assert.equal((await api('GET', '/status')).mode.name, 'standard');
    assert.equal(await standard.getAttribute('aria-checked'), 'true');
    await page.keyboard.press('Space');
    await page.getByRole('heading', { name: /On · Strict/ }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /On · Standard/ }).waitFor();
  });

  await shows('a rule is added by keyboard, tested, moved, and blocks', async () => {
    await go(page, 'rules');
    await page.getByRole('button', { name: 'Add rule' }).click();
    await page.keyboard.type('localhost');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('A rule was added at the top.').waitFor();
    await page.getByLabel('Host, host:port or address').fill('localhost');
    await page.getByText('⊘ Blocked.').waitFor();
    assert.notEqual(await curl(stack, engine, `http://localhost:${engine.origin}/`), 0);
    await page.getByRole('button', { name: /^Rule 1:/ }).focus();
    await page.keyboard.press('Alt+ArrowDown');
    await page.getByText('Rule 1 is now rule 2.').waitFor();
    assert.deepEqual((await api('GET', '/config')).rule[1].match, { domain_suffix: ['localhost'] });
    assert.ok(
      readFileSync(engine.config, 'utf8').startsWith(
        '# Privet, as the page’s checks run it'.replace('’', "'"),
      ),
    );
    await page.getByRole('button', { name: 'Remove 2' }).click();
    await page.getByText('Rule 2 was removed.').waitFor();
  });

  await shows(
    'the tester marks the rule that decides, and hits, last match and time left are shown',
    async () => {
      await page.getByLabel('Host, host:port or address').fill('127.0.0.2:80');
      const decides = page.locator('li[aria-current="true"]');
      await decides.getByText('127.0.0.2/32').waitFor();
      await decides.getByText('decides').waitFor();
      await decides.getByText(/^Hits: \d+$/).waitFor();
      await page
        .locator('li[data-number="2"]')
        .getByText(/^never matched, counted since/)
        .waitFor();
      await page.getByLabel('Host, host:port or address').fill('elsewhere.example');
      await decides.waitFor({ state: 'detached' });
      await page.getByLabel('Host, host:port or address').fill('');
    },
  );

  await shows('a rule that can never match says so, and dragging it before the other mends it', async () => {
    const first = { match: { domain_suffix: ['wide.example'] }, use: 'block' };
    const narrow = { match: { domain: ['a.wide.example'] }, use: 'direct' };
    await api('POST', '/rules', { rule: narrow });
    await api('POST', '/rules', { rule: first });
    const row = (number) => page.locator(`li[data-number="${number}"]`);
    await row(2).getByText('never matches: covered by rule 1').waitFor();
    const grip = page.getByRole('button', { name: /^Rule 2:/ });
    const [from, to] = [await grip.boundingBox(), await row(1).boundingBox()];
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 5 });
    await page.mouse.up();
    await page.getByText('Rule 2 is now rule 1.').waitFor();
    await row(1).getByText('a.wide.example').waitFor();
    await row(2)
      .getByText(/^never matched/)
      .waitFor();
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await page.getByText('Undone: Rule 2 is now rule 1.').waitFor();
    await row(2).getByText('never matches: covered by rule 1').waitFor();
    for (const left of [3, 2]) {
      await page.getByRole('button', { name: 'Remove 1' }).click();
      await row(left + 1).waitFor({ state: 'detached' });
    }
  });

  await shows('a rule for the next connection is made, let in once and gone', async () => {
    await page.getByRole('button', { name: 'Add rule' }).click();
    await page.keyboard.type('localhost');
    await page.getByLabel(/^Duration/).selectOption('next connection only');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('A rule was added at the top.').waitFor();
    const row = page.locator('li[data-rule^="t"]');
    await row.getByText('next connection only').waitFor();
    assert.notEqual(await curl(stack, engine, `http://localhost:${engine.origin}/`), 0);
    assert.equal(await curl(stack, engine, `http://localhost:${engine.origin}/`), 0);
    await row.waitFor({ state: 'detached' });
    assert.ok(!readFileSync(engine.config, 'utf8').includes('localhost'));
  });

  await shows(
    'the timeline shows the client of every change, and each is taken back and had again',
    async () => {
      await go(page, 'activity');
      const list = page.getByRole('list', { name: 'Changes', exact: true });
      await list.getByText('Rule for the next connection: block').waitFor();
      const before = readFileSync(engine.config, 'utf8');
      writeFileSync(engine.config, before.replace('"good.example"', '"good.example", "fine.example"'));
      const byHand = list
        .getByRole('listitem')
        .filter({ hasText: 'fine.example added to allowed domains' })
        .first();
      await byHand.getByText('configuration file', { exact: true }).waitFor();
      await byHand.getByRole('button', { name: /^Undo/ }).click();
      await page.getByText('Undone: fine.example added to allowed domains').first().waitFor();
      assert.equal(readFileSync(engine.config, 'utf8'), before);
      const back = list.getByRole('listitem').filter({ hasText: 'Undone: fine.example' }).first();
      await back.getByText('browser').waitFor();
      await back.getByRole('button', { name: /^Undo/ }).click();
      await until('the change again', () => readFileSync(engine.config, 'utf8').includes('fine.example'));
      await api('POST', `/changes/${(await api('GET', '/changes')).changes[0].id}/undo`);
      assert.equal(readFileSync(engine.config, 'utf8'), before);
    },
  );

  await shows('an upstream is tested, and one is added and removed', async () => {
    await go(page, 'routes');
    await page.getByRole('button', { name: 'Test tor' }).click();
    await page.getByText(/✕/).first().waitFor();
    await page.getByRole('button', { name: 'Add upstream' }).click();
    await page.getByLabel('Name', { exact: true }).fill('helsinki');
    await page.getByLabel(/^Address/).fill('socks5://127.0.0.1:9');
    await page.getByLabel(/^Via/).selectOption('berlin');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('helsinki was added.').waitFor();
    assert.equal(
      (await api('GET', '/upstreams')).upstreams.find((one) => one.name === 'helsinki').route,
      'berlin → helsinki',
    );
    await page.getByRole('button', { name: 'Remove helsinki' }).click();
    await page.getByText('helsinki was removed.').waitFor();
  });
}
