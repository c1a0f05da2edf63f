// The page in a browser, against a running engine with real traffic: what a person does, and what must not happen.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { browser, Stack, start, startLists, traffic, until } from './engine.js';
import { everyLook } from './appearance.js';
import { cacheByHand } from './cache.js';
import { go, shows, signIn } from './checks.js';
import { connectionsSeen } from './connections.js';
import { protectionByHand } from './protection.js';
import { requestsSeen } from './requests.js';
import { routingByHand } from './routing.js';
import { scanningByHand } from './scanning.js';
import { settingsByHand } from './settings.js';
import { sitesByHand } from './sites.js';
import { honestStates } from './states.js';

const BUNDLE_KIB = 250;
const stack = new Stack();
const faults = [];

/** Faults that a check has brought about itself. */
function expected(pattern) {
  faults.splice(0, faults.length, ...faults.filter((fault) => !pattern.test(fault)));
}

function weigh() {
  const dist = new URL('../dist', import.meta.url).pathname;
  const files = readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.gz'));
  const kib = files.reduce((sum, name) => sum + statSync(`${dist}/${name}`).size, 0) / 1024;
  assert.ok(files.length > 0 && kib <= BUNDLE_KIB, `${kib.toFixed(1)} KiB`);
  return kib.toFixed(1);
}

try {
  const engine = await start(stack);
  const lists = await startLists(stack);
  const chromium = await browser(stack);
  const api = (method, path, body) =>
    fetch(`${engine.url}api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${engine.token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    }).then((response) => response.json());

  await shows('without a token there is nothing but the question for it', async () => {
    const page = await (await chromium.newContext()).newPage();
    await page.goto(engine.url);
    await page.getByLabel('Token').fill('wrong');
    await page.getByRole('button', { name: 'Open Privet' }).click();
    await page.getByText('Wrong token.').waitFor();
    await page.getByLabel('Token').fill(engine.token);
    await page.getByRole('button', { name: 'Open Privet' }).click();
    await page.getByRole('heading', { name: 'On · Standard' }).waitFor();
    await page.close();
  });

  await shows('a login link signs in once, and its code is not kept in the history', async () => {
    const link = new URL((await api('POST', '/login-codes', {})).url);
    const page = await (await chromium.newContext()).newPage();
    await page.goto(`${engine.url}${link.hash}`);
    await page.getByRole('heading', { name: 'On · Standard' }).waitFor();
    assert.equal(page.url(), engine.url);
    await page.evaluate(() => sessionStorage.clear());
    await page.goto(`${engine.url}?again${link.hash}`);
    await page.getByText('This login link was used or has expired.').waitFor();
    assert.equal(page.url(), engine.url);
    await page.close();
  });

  const context = await chromium.newContext({
    viewport: { width: 1280, height: 800 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await signIn(context, engine, faults);

  await shows('the token leaves the address at once and stays in this tab', async () => {
    assert.ok(!page.url().includes('token'), page.url());
    await page.reload();
    await page.getByRole('heading', { name: 'On · Standard' }).waitFor();
  });

  await traffic(stack, engine);

  const all = { page, engine, api, stack, expected, lists, chromium };
  await connectionsSeen(all);
  await routingByHand(all);
  await protectionByHand(all);
  await settingsByHand(all);
  await requestsSeen(page, engine, api, stack, expected);
  await everyLook(page);

  await shows('nothing is asked for while the page is hidden', async () => {
    await go(page, 'connections');
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await page.waitForTimeout(300);
    asked.length = 0;
    await page.waitForTimeout(3000);
    assert.deepEqual(asked, []);
    await page.evaluate(() => {
      delete document.hidden;
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await until('new questions', () => asked.length > 0);
  });

  await sitesByHand(page, engine, api);
  await cacheByHand(all);
  await scanningByHand(all);
  await honestStates(page, expected);

  await shows(`the page weighs ${weigh()} KiB gzip of ${BUNDLE_KIB} allowed`, () => undefined);
  // A change made from an older version is refused and made again from the present one: the browser logs the refusal.
  expected(/412 \(Precondition Failed\) \S+\/api\/v1\/config$/);
  await shows('no error in the console, nothing asked elsewhere, no token in an address', () => {
    assert.deepEqual(faults, []);
  });
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await stack.end();
}
