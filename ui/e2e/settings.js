// The file, palette, history, and the page over plain HTTP from the network.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { hostname } from 'node:os';
import { browser, freePort, startPrivet } from './engine.js';
import { go, shows } from './checks.js';

export async function settingsByHand({ page, engine, api, stack, expected }) {
  await shows('the file is tried before it is written, and its faults have a place', async () => {
    await go(page, 'settings');
    await page.getByRole('button', { name: 'Open file' }).click();
    const text = page.getByRole('textbox', { name: 'Configuration file' });
    await text.waitFor();
    const before = await text.inputValue();
    await text.fill(`${before}\n[lisen]\n`);
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    await page.getByText(/Line \d+, column \d+/).waitFor();
    await text.fill(`${before}# a note\n`);
    await page.getByRole('button', { name: 'Save file' }).click();
    await page.getByText('The file was saved and is in use.').waitFor();
    assert.ok(readFileSync(engine.config, 'utf8').endsWith('# a note\n'));
    expected(/422/);
  });

  await shows('the palette does what is typed; the sheet lists the keys', async () => {
    await page.keyboard.press('Control+k');
    await page.keyboard.type('language deut');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Einstellungen', exact: true }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('العربية');
    await page.keyboard.press('Enter');
    await page.waitForSelector('html[dir=rtl][lang=ar]');
    await page.keyboard.press('Control+k');
    await page.keyboard.type('English');
    await page.keyboard.press('Enter');
    await page.waitForSelector('html[dir=ltr][lang=en]');
    await page.locator('main').focus();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
  });

  await shows('history is deleted by a button that asks once, and the timeline says so', async () => {
    await page.keyboard.press('Control+8');
    const wipe = page.getByRole('group', { name: 'Delete history' });
    await wipe.getByLabel('Period').selectOption({ label: 'Everything' });
    await wipe.getByRole('button', { name: 'Delete…' }).click();
    assert.notEqual((await api('GET', '/connections?state=closed')).total, 0);
    await wipe.getByRole('button', { name: 'Delete now' }).click();
    await page.getByText('Deleted from history: Everything').waitFor();
    const newest = (await api('GET', '/changes')).changes[0];
    assert.equal(newest.text, 'the history and totals were deleted');
    assert.deepEqual([newest.client, newest.undoable], ['page', false]);
    await page.getByText('History and totals deleted').first().waitFor();
  });

  await shows(
    'over plain HTTP from the network the page opens by this machine’s name, and copies',
    async () => {
      const port = await freePort();
      const pac = await freePort();
      const wide = await startPrivet(
        stack,
        'wide',
        `[listen]\nmixed = ["127.0.0.1:${await freePort()}"]\npac = "0.0.0.0:${pac}"\nallow_clients = ["127.0.0.0/8"]\n[control]\nhttp = "0.0.0.0:${port}"\n`,
      );
      assert.match(wide.out(), new RegExp(`page +http://127\\.0\\.0\\.1:${port}/`));
      const status = (address, host) =>
        new Promise((resolve, reject) =>
          get(address, { headers: { host } }, (answer) => resolve(answer.resume().statusCode)).on(
            'error',
            reject,
          ),
        );
      for (const [at, path] of [
        [port, '/'],
        [pac, '/proxy.pac'],
      ]) {
        const url = `http://127.0.0.1:${at}${path}`;
        assert.equal(await status(url, `${hostname()}:${at}`), 200);
        assert.equal(await status(url, `${hostname()}.local:${at}`), 200);
        assert.equal(await status(url, `evil.example:${at}`), 403);
        assert.equal(await status(url, `192.0.2.1:${at}`), 403);
      }
      assert.equal(
        await status(`http://127.0.0.1:${engine.control}/`, `${hostname()}:${engine.control}`),
        403,
      );
      const token = readFileSync(`${wide.dir}/data/control.token`, 'utf8').trim();
      const named = await browser(stack, [`--host-resolver-rules=MAP ${hostname()} 127.0.0.1`]);
      const insecure = await (await named.newContext()).newPage();
      await insecure.goto(`http://${hostname()}:${port}/#token=${token}`);
      await insecure
        .getByRole('heading', { name: /On · Standard|Set up Privet/ })
        .first()
        .waitFor();
      assert.equal(await insecure.evaluate(() => isSecureContext), false);
      await insecure.evaluate(() => (location.hash = 'home'));
      await insecure
        .getByRole('button', { name: /^Copy 127/ })
        .first()
        .click();
      await insecure.getByText(/^Copied: 127/).waitFor();
      await insecure.evaluate(() => (location.hash = 'rules'));
      const field = insecure.getByLabel('Host, host:port or address');
      await field.focus();
      await insecure.keyboard.press('Control+v');
      assert.match(await field.inputValue(), /^127\.0\.0\.1:\d+$/);
    },
  );
}
