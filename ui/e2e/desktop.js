// The page on a private desktop, with a real keyring and real proxy settings: passwords, and the first run.
import assert from 'node:assert/strict';
import { serveDist } from './dist.js';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { browser, curl, freePort, Stack, startOrigin, startPrivet, until } from './engine.js';
import { axeFinds, go, shows, signIn } from './checks.js';
import { startSession } from './session.js';

const PASSWORD = 'a pässword of bob’s';
const shots = new URL('../shots', import.meta.url).pathname;
const stack = new Stack();
const faults = [];

/** The engine on that desktop, and a company's proxy that lets bob in alone. */
async function startAll(session) {
  addTeller(session);
  const [proxy, pac, control, company] = await Promise.all([1, 2, 3, 4].map(freePort));
  const users =
    '[listen]\nmixed = ["127.0.0.1:$"]\npac = ""\nusers = [{ name = "bob", password = { env = "BOB" } }]\n';
  await startPrivet(stack, 'company', users.replace('$', company), ['serve'], { BOB: PASSWORD });
  const config = `[listen]\nmixed = ["127.0.0.1:${proxy}"]\npac = "127.0.0.1:${pac}"\n\n[control]\nhttp = "127.0.0.1:${control}"\n`;
  const engine = await startPrivet(stack, 'desktop', config, ['agent', '--no-tray'], {
    ...session.env,
    OFFICE: PASSWORD,
    DISPLAY: ':99',
  });
  const token = readFileSync(join(engine.dir, 'data/control.token'), 'utf8').trim();
  const socket = join(engine.dir, 'data/control.sock');
  const url = process.env.PRIVET_DIST ? await serveDist(stack, control) : `http://127.0.0.1:${control}/`;
  return { socket, proxy, pac, company, token, out: engine.out, url };
}

/** An application of that desktop that writes down its environment. */
function addTeller({ dir }) {
  const program = join(dir, 'home/teller');
  writeFileSync(
    program,
    '#!/bin/sh\nenv > "$HOME/environment.new"\nmv "$HOME/environment.new" "$HOME/environment"\n',
  );
  chmodSync(program, 0o755);
  mkdirSync(join(dir, 'data/applications'), { recursive: true });
  mkdirSync(join(dir, 'data/icons/hicolor/scalable/apps'), { recursive: true });
  const entry = `[Desktop Entry]\nType=Application\nName=Teller\nExec=${program}\nIcon=teller\n`;
  writeFileSync(join(dir, 'data/applications/teller.desktop'), entry);
  const picture =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="green"/></svg>';
  writeFileSync(join(dir, 'data/icons/hicolor/scalable/apps/teller.svg'), picture);
}

function bySocket(socketPath, method, { pathname, search }) {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath, method, path: pathname + search, headers: { host: 'localhost' } },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text) => (body += text));
        answer.on('end', () => resolve({ status: answer.statusCode, contentType: 'application/json', body }));
      },
    );
    asked.on('error', reject).end();
  });
}

try {
  const session = await startSession(stack);
  if (session) await check(session);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await stack.end();
}

async function check(session) {
  const engine = await startAll(session);
  const origin = await startOrigin(stack);
  const api = (method, path, body) =>
    fetch(`${engine.url}api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${engine.token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    }).then((response) => response.json());
  const point = (port) => {
    for (const kind of ['http', 'https']) {
      session.set(`${kind} host`, '127.0.0.1');
      session.set(`${kind} port`, String(port));
    }
    session.set('mode', 'manual');
  };
  /** The engine polls the desktop at most once a second. */
  const found = (kind) =>
    until(`a look that finds ${kind}`, async () => (await api('GET', '/first-run')).found.kind === kind);
  point(engine.company);
  await found('proxy');
  const before = session.proxy();

  const chromium = await browser(stack);
  const context = await chromium.newContext({
    viewport: { width: 1280, height: 800 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await signIn(context, engine, faults);
  const heading = (name) => page.getByRole('heading', { name }).waitFor();
  /** By Tab only, as without a mouse. */
  async function tabTo(target) {
    await target.waitFor();
    await until('the focus', async () => {
      if (await target.evaluate((element) => element === document.activeElement)) return true;
      await page.keyboard.press('Tab');
      return false;
    });
  }
  const button = (name) => page.getByRole('button', { name, exact: true });
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };

  mkdirSync(shots, { recursive: true });
  /** What axe finds in both themes, and pictures in both and two sizes. */
  async function look(name) {
    const found = [];
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      found.push(...(await axeFinds(page, `${name}, ${theme}`)));
      for (const [width, height] of [
        [1280, 800],
        [720, 480],
      ]) {
        await page.setViewportSize({ width, height });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        if (wide) found.push(`${name}: wider than ${width}`);
        await page.screenshot({ path: join(shots, `first-run-${name}-${theme}-${width}.png`) });
      }
      await page.setViewportSize({ width: 1280, height: 800 });
    }
    assert.deepEqual(found, []);
  }

  await shows('a first run comes by itself and is gone through by keyboard alone', async () => {
    await heading('Previous proxy');
    await page.getByText(`This desktop uses the proxy 127.0.0.1:${engine.company}.`).waitFor();
    await press('Tab', 'Tab', 'Space', 'Tab');
    await page.keyboard.type('bob');
    await press('Tab', 'Tab');
    await page.keyboard.type(PASSWORD);
    await look('proxy');
    await press('Enter');
    await heading('How much Privet hides');
    await look('mode');
    await press('Tab', 'ArrowDown', 'Enter');
    await heading('Blocklists');
    await look('lists');
    await tabTo(page.getByLabel('Name', { exact: true }));
    await page.keyboard.type('mine');
    await press('Tab');
    await page.keyboard.type('ads.txt');
    await press('Enter');
    await button('Remove mine').waitFor();
    await tabTo(button('Next'));
    await press('Enter');
    await heading('System proxy');
    await look('desktop');
    await tabTo(button('Next'));
    await press('Enter');
    await heading('Summary');
    await page.getByText('No recorded connections to replay.').waitFor();
    await look('summary');
  });

  await shows('nothing was changed before the last button', async () => {
    assert.equal(session.proxy(), before);
    const config = await api('GET', '/config');
    assert.deepEqual([config.upstream, config.mode], [[], 'standard']);
    assert.equal(session.secret('upstream 127.0.0.1'), '');
  });

  await shows('the last button does all of it, and a login goes through with the password', async () => {
    await tabTo(button('Apply'));
    await press('Enter');
    await heading('Setup finished');
    await look('done');
    const config = await api('GET', '/config');
    assert.deepEqual(config.upstream[0].password, { keyring: 'upstream 127.0.0.1' });
    assert.deepEqual([config.mode, config.filter.list[0].name], ['strict', 'mine']);
    assert.equal(session.secret('upstream 127.0.0.1'), PASSWORD);
    assert.equal(session.get('mode'), "'auto'");
    assert.equal(await curl(stack, engine, `http://127.0.0.1:${origin}/`), 0);
    await until('a routed row', async () => {
      const { rows } = await api('GET', '/connections?state=closed');
      return rows.some((row) => row.verdict === 'routed');
    });
  });

  await shows('all of it is undone at once', async () => {
    await page.getByRole('button', { name: 'Undo all' }).click();
    await page.getByText('All changes were undone.').waitFor();
    assert.equal(session.proxy(), before);
    const config = await api('GET', '/config');
    assert.deepEqual([config.upstream, config.filter.list, config.mode], [[], [], 'standard']);
    await page.reload();
    await heading(/On · Standard/);
  });

  await shows('before the switch replaces a company’s proxy it says what is lost and offers it', async () => {
    await go(page, 'home');
    const toggle = page.getByRole('switch', { name: 'System proxy' });
    await toggle.click();
    const asks = page.getByRole('group', { name: /^This desktop uses/ });
    await asks.getByText(/what only it reaches fails/).waitFor();
    await look('replaces');
    assert.equal(session.proxy(), before);
    await asks.getByRole('button', { name: 'Cancel' }).click();
    await asks.waitFor({ state: 'detached' });
    assert.equal(session.proxy(), before);
    await toggle.click();
    await asks.getByRole('button', { name: `Go through http://127.0.0.1:${engine.company}` }).click();
    await page.getByText('The system proxy points at Privet.').waitFor();
    assert.equal(session.get('mode'), "'auto'");
    const config = await api('GET', '/config');
    assert.equal(config.upstream[0].url, `http://127.0.0.1:${engine.company}`);
    assert.equal(config.modes.standard.route, config.upstream[0].name);
    await toggle.click();
    await page.getByText('The previous system proxy was restored.').waitFor();
    assert.equal(session.proxy(), before);
    // Now it is an upstream: nothing is lost.
    await toggle.click();
    await page.getByText('The system proxy points at Privet.').waitFor();
    await toggle.click();
    await until('the proxy from before', () => session.proxy() === before);
    await api('PATCH', '/config', { upstream: [], modes: { standard: { route: null } } });
  });

  await shows('a dead proxy of another program is found and turned off, all else skipped', async () => {
    point(await freePort());
    await found('leftover');
    await go(page, 'settings');
    await until('the new settings', async () => (await api('GET', '/first-run')).found.kind === 'leftover');
    await page.getByRole('button', { name: 'Run setup again' }).click();
    await page.getByText('another program left it behind').waitFor();
    await look('leftover');
    await page.getByRole('button', { name: 'Next' }).click();
    for (let step = 0; step < 3; step += 1)
      await page.getByRole('button', { name: 'Skip this step' }).click();
    await page.getByText(/The dead proxy .* is turned off/).waitFor();
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText(/The dead proxy .* is off/).waitFor();
    assert.equal(session.get('mode'), "'none'");
    await page.getByRole('button', { name: 'Open Home' }).click();
    await heading(/On · Standard/);
  });

  await shows('a foreign PAC file is named, and left alone by who leaves', async () => {
    session.set('autoconfig-url', 'http://corp.example/it.pac');
    session.set('mode', 'auto');
    await found('pac');
    const mine = session.proxy();
    await until('the new settings', async () => (await api('GET', '/first-run')).found.kind === 'pac');
    await go(page, 'settings');
    await page.getByRole('button', { name: 'Run setup again' }).click();
    await page.getByText('http://corp.example/it.pac').waitFor();
    await page.getByRole('button', { name: 'Not now' }).click();
    await page.getByText('Nothing was changed. You can run setup again under Settings.').waitFor();
    assert.equal(session.proxy(), mine);
    await go(page, 'home');
    await page.getByRole('switch', { name: 'System proxy' }).click();
    await page.getByText(/Privet cannot evaluate it/).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    assert.equal(session.proxy(), mine);
  });

  const upstream = { name: 'office', url: `socks5://127.0.0.1:${engine.company}` };
  await shows('a password typed in the form is kept in the keyring and not shown again', async () => {
    await go(page, 'routes');
    await page.getByRole('button', { name: 'Add upstream' }).click();
    await page.getByLabel('Name', { exact: true }).fill(upstream.name);
    await page.getByLabel('Address').fill(upstream.url);
    await page.getByLabel('User name').fill('bob');
    await page.getByRole('combobox', { name: /^Password/ }).selectOption('keyring');
    await page.getByLabel('Type the password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('office was added.').waitFor();
    assert.equal(session.secret('upstream office'), PASSWORD);
    await page.getByRole('button', { name: 'Test office' }).click();
    await page.getByText(/connected in/).waitFor();
    await page.getByRole('button', { name: 'Edit office' }).click();
    await page.getByText('Stored in the keyring').waitFor();
    assert.ok(!(await page.content()).includes(PASSWORD));
    assert.ok(!JSON.stringify(await api('GET', '/config')).includes(PASSWORD));
    assert.ok(!engine.out().includes(PASSWORD));
    assert.deepEqual(await axeFinds(page, 'password'), []);
  });

  await shows('a locked keyring is said with a choice, and a variable serves instead', async () => {
    session.lock();
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByLabel('Type the password').fill('another');
    await page.getByRole('button', { name: 'Save' }).click();
    const alert = page.getByRole('alert');
    await alert.getByText('The keyring is locked. Nothing was saved.').waitFor();
    assert.deepEqual(await axeFinds(page, 'locked'), []);
    await page.screenshot({ path: join(shots, 'password-locked.png') });
    const asked = page.waitForResponse((response) => response.url().includes('/secrets/upstream%20office'));
    await alert.getByRole('button', { name: 'Unlock and try again' }).click();
    assert.equal((await asked).status(), 409);
    await alert.getByRole('button', { name: 'Use a variable' }).click();
    await page.getByLabel('Variable name or path').fill('OFFICE');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('office was changed.').waitFor();
    const config = await api('GET', '/config');
    assert.deepEqual(config.upstream[0].password, { env: 'OFFICE' });
  });

  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await shows('settings are copied as the engine makes them; a browser starts nothing', async () => {
    await go(page, 'settings');
    const apps = page.locator('#apps');
    await apps.getByText('Programs can be started from Privet’s own window').waitFor();
    await apps.getByRole('combobox', { name: /^For/ }).selectOption('git');
    await apps.getByRole('button', { name: 'Copy the settings for Git' }).click();
    await page.getByText('Copied: Git').waitFor();
    assert.equal(await clipboard(), `git config --global http.proxy socks5h://127.0.0.1:${engine.proxy}`);
    assert.deepEqual(await axeFinds(page, 'settings'), []);
  });

  await shows('in the window an application is started through Privet, with its picture', async () => {
    // As the window calls: over the socket that only its owner can open.
    await page.route('**/api/v1/apps**', async (route) => {
      const asked = route.request();
      await route.fulfill(await bySocket(engine.socket, asked.method(), new URL(asked.url())));
    });
    await page.reload();
    const apps = page.locator('#apps');
    await apps.getByText('Teller').waitFor();
    await apps.locator('li', { hasText: 'Teller' }).locator('img').waitFor();
    assert.deepEqual(await axeFinds(page, 'apps'), []);
    await apps.scrollIntoViewIfNeeded();
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme });
      await page.screenshot({ path: join(shots, `apps-${theme}.png`) });
    }
    await apps.getByRole('button', { name: 'Start Teller through Privet' }).click();
    await page.getByText('Teller was started through Privet.').waitFor();
    const told = join(session.dir, 'home/environment');
    await until('its environment', () => existsSync(told));
    assert.match(readFileSync(told, 'utf8'), new RegExp(`HTTPS_PROXY=http://127.0.0.1:${engine.proxy}`));
    await page.unroute('**/api/v1/apps**');
  });

  await shows('from a program’s row to a rule for it', async () => {
    await curl(stack, engine, `http://127.0.0.1:${origin}/`);
    await go(page, 'activity');
    await page.getByRole('combobox', { name: /^By/ }).selectOption('app');
    await page.getByRole('button', { name: 'Rule for curl' }).click();
    const program = page.getByRole('textbox', { name: 'Program', exact: true });
    await program.waitFor();
    assert.equal(await program.inputValue(), 'curl');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('A rule was added at the top.').waitFor();
    const config = await api('GET', '/config');
    assert.deepEqual(config.rule[0].match, { app: ['curl'] });
  });

  await shows('no error in the console, nothing asked elsewhere, no token in an address', () => {
    // Refused by the engine with 409, as it was to be, which the browser logs.
    assert.deepEqual(
      faults.filter((fault) => !fault.includes('409')),
      [],
    );
  });
}
