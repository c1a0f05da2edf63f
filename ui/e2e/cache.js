// The cache: turned on by the page, entries with why they are fresh or not, purges.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { curl, until } from './engine.js';
import { axeFinds, go, shows } from './checks.js';

/** An origin whose responses may be stored; one has to be confirmed each time. */
async function startCacheable(stack) {
  const server = createServer((request, response) => {
    const control = request.url.startsWith('/news') ? 'no-cache' : 'max-age=600';
    const head = { 'content-type': 'text/plain', 'cache-control': control, etag: '"1"', 'cache-tag': 'all' };
    response.writeHead(200, head).end('x'.repeat(5000));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.add(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** A redis-server on a socket in a folder of its own. */
async function startRedis(stack) {
  const folder = mkdtempSync(join(tmpdir(), 'privet-page-redis-'));
  stack.add(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, 'redis.sock');
  const args = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  let problem;
  child.on('error', (error) => (problem = error));
  stack.add(() => void child.kill('SIGKILL'));
  await until('redis-server to start', () => {
    if (problem) throw problem;
    return existsSync(socket);
  });
  return { child, address: `unix:${socket}` };
}

export async function cacheByHand({ page, engine, api, stack, expected }) {
  const origin = await startCacheable(stack);
  const ask = (path) => curl(stack, engine, `${origin}${path}`, false, 'http');
  const total = async () => (await api('GET', '/cache')).total;
  const entry = (path) =>
    page.getByRole('row', { name: new RegExp(`^${origin}${path.replace('?', '\\?')} text/plain`) });

  await shows('the cache is off, says what it would keep, and is turned on', async () => {
    await go(page, 'cache');
    await page.getByRole('heading', { name: 'The cache is off' }).waitFor();
    await page.getByText('It holds what was visited until Privet quits').waitFor();
    assert.deepEqual(await axeFinds(page, 'cache, off'), []);
    await page.getByRole('button', { name: 'Turn on the cache' }).press('Enter');
    await page.getByText('The cache is on.').waitFor();
    assert.equal((await api('GET', '/config')).cache.enabled, true);
    await page.getByText('Nothing is stored.').waitFor();
    assert.deepEqual(await axeFinds(page, 'cache, empty'), []);
  });

  await shows('stored responses say why they are fresh or not, and hide their queries', async () => {
    for (const path of ['/a?key=secret', '/a?key=secret', '/b', '/news']) assert.equal(await ask(path), 0);
    await until('three entries', async () => (await total()) === 3);
    await entry('/b')
      .getByText(/fresh for 9 min/)
      .waitFor();
    await entry('/news').getByText('asks the server').waitFor();
    assert.equal(await page.getByText('secret').count(), 0);
    await page.getByLabel('With queries').check();
    await entry('/a?key=secret').getByText('1', { exact: true }).waitFor();
    await page.getByLabel('With queries').uncheck();
    await entry('/news').getByRole('button', { name: /news$/ }).first().press('Enter');
    await page.getByText('The server is asked before the next use. The response says no-cache.').waitFor();
    await page.getByRole('region', { name: 'Header fields' }).getByText('etag: "1"').waitFor();
    assert.deepEqual(await axeFinds(page, 'cache, an entry'), []);
  });

  await shows('what was saved is shown by site and program, and the graph as a table', async () => {
    await page.getByRole('row', { name: /^curl / }).waitFor();
    await page.getByText(/^\d+ of \d+ requests$/).waitFor();
    await page.getByLabel('Period').selectOption({ label: 'Last 7 days' });
    await page.getByRole('button', { name: 'As a table' }).press('Enter');
    await page.getByRole('columnheader', { name: 'From' }).waitFor();
    assert.deepEqual(await axeFinds(page, 'cache, as a table'), []);
    await page.getByRole('button', { name: 'As a table' }).press('Enter');
  });

  await shows('entries are searched by the engine', async () => {
    await page.getByRole('searchbox', { name: 'Part of a URL' }).fill('/b');
    await entry('/news').waitFor({ state: 'detached' });
    await entry('/b').waitFor();
    await page.getByRole('searchbox').fill('nothing-like-it');
    await page.getByText('No row matches the filter.').waitFor();
    await page.getByRole('button', { name: 'Clear filter' }).click();
    await entry('/news').waitFor();
  });

  await shows('an entry is invalidated; a host is deleted after a question', async () => {
    await entry('/b')
      .getByRole('button', { name: /^Invalidate/ })
      .press('Enter');
    await page.getByText('1 response was invalidated.').waitFor();
    await entry('/b').getByText('invalidated').waitFor();
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await page.getByText('1 response is as it was.').waitFor();
    await entry('/b')
      .getByText(/fresh for/)
      .waitFor();
    await entry('/b').getByRole('button', { name: /^Pin / }).press('Enter');
    await entry('/b').getByText('pinned').waitFor();
    await page.getByRole('button', { name: 'Purge…' }).click();
    const form = page.getByRole('form', { name: 'Purge the cache' });
    await form.getByRole('textbox').fill('127.0.0.1');
    await form.getByRole('radio', { name: /^Delete/ }).check();
    assert.deepEqual(await axeFinds(page, 'cache, purge'), []);
    await form.getByRole('button', { name: 'Delete…' }).click();
    assert.equal(await total(), 3);
    await form.getByText('This cannot be undone.').waitFor();
    await form.getByRole('button', { name: 'Delete now' }).click();
    await page.getByText('3 responses were deleted.').waitFor();
    assert.equal(await total(), 0);
  });

  await shows('the store between machines is off, connected, or left alone with its reason', async () => {
    assert.equal(await page.getByRole('heading', { name: 'Between machines' }).count(), 0);
    await api('PATCH', '/config', { cache: { shared: true } });
    const card = page.getByRole('region', { name: 'Between machines' });
    await card.getByRole('status').filter({ hasText: 'Off' }).waitFor();
    await card.getByRole('button', { name: 'Set it up in the file' }).waitFor();
    assert.deepEqual(await axeFinds(page, 'cache, no store between machines'), []);
    const redis = await startRedis(stack);
    await api('PATCH', '/config', { cache: { redis: { address: redis.address } } });
    await card.getByRole('status').filter({ hasText: 'Connected' }).waitFor();
    await card.getByText(redis.address).waitFor();
    assert.equal(await ask('/shared'), 0);
    await until('a response there', async () => (await api('GET', '/cache')).redis.written === 1);
    const written = card.locator('div').filter({ has: page.getByText('Written', { exact: true }) });
    await written.last().getByText('1', { exact: true }).waitFor();
    assert.deepEqual(await axeFinds(page, 'cache, a store between machines'), []);
    redis.child.kill('SIGKILL');
    await card
      .getByRole('status')
      .filter({ hasText: /Left alone until \d/ })
      .waitFor();
    await card.getByRole('alert').filter({ hasText: 'Not used now:' }).waitFor();
    assert.deepEqual(await axeFinds(page, 'cache, a store that is away'), []);
    await api('PATCH', '/config', { cache: { shared: false, redis: null } });
    await card.waitFor({ state: 'detached' });
  });

  await shows('a cache that is turned off is turned on again by Undo', async () => {
    await page.getByRole('button', { name: 'Turn off' }).click();
    await page.getByRole('heading', { name: 'The cache is off' }).waitFor();
    await page.getByText('The cache is off; what it held is gone.').waitFor();
    await page.getByRole('button', { name: 'Undo' }).last().click();
    await until('the cache on', async () => (await api('GET', '/config')).cache.enabled);
    await api('PATCH', '/config', { cache: { enabled: false } });
    expected(/412/);
  });
}
