// Thousands of rows (the processes need two open files for each): what a scrolled frame costs, and what watching changing
// rows costs. Frames per second depend on the machine; the time of the main thread per frame is the cost of the page.
// Prints figures, and ends with 1 where one is over its bound.
import { fork } from 'node:child_process';
import net from 'node:net';
import { browser, Stack, start, until } from './engine.js';

const ROWS = Number(process.argv[2] ?? 10_000);
const SCROLLED_MS = 5000;
const WATCHED_MS = 10_000;
/** 60 frames a second leave 16.7 ms; a third of it is ours. */
const MOST_MS_A_FRAME = 5.5;
const MOST_SHARE = 0.05;
const MOST_UPDATES = 4;
const stack = new Stack();

async function startEcho() {
  const child = fork(new URL('./echo.js', import.meta.url), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  stack.add(() => void child.kill('SIGKILL'));
  return new Promise((resolve) => child.stdout.once('data', (text) => resolve(Number(text))));
}

/** A SOCKS5 tunnel to the echo that stays. */
function tunnel(proxy, port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(proxy, '127.0.0.1');
    socket.on('error', reject);
    socket.once('connect', () => socket.write(Buffer.from([5, 1, 0])));
    socket.once('data', () => {
      socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]));
      socket.once('data', () => {
        socket.resume();
        resolve(socket);
      });
    });
  });
}

/** Seconds that the page's main thread has worked, by what it did. */
async function worked(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  const of = (name) => metrics.find((metric) => metric.name === name)?.value ?? 0;
  return {
    all: of('TaskDuration'),
    script: of('ScriptDuration'),
    layout: of('LayoutDuration'),
    style: of('RecalcStyleDuration'),
  };
}

const less = (after, before) =>
  Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name]]));

async function processSeconds(page) {
  const { processInfo } = await (
    await page.context().browser().newBrowserCDPSession()
  ).send('SystemInfo.getProcessInfo');
  return processInfo.reduce((sum, one) => sum + one.cpuTime, 0);
}

function scroll(page) {
  return page.evaluate(
    (length) =>
      new Promise((resolve) => {
        const grid = document.querySelector('.grid');
        const times = [];
        let blank = 0;
        const begin = performance.now();
        const step = (now) => {
          times.push(now);
          if (grid.querySelector('.row:not([aria-label])')) blank += 1;
          grid.scrollTop += 60;
          if (now - begin < length) requestAnimationFrame(step);
          else resolve({ frames: times.slice(1).map((time, at) => time - times[at]), blank });
        };
        requestAnimationFrame(step);
      }),
    SCROLLED_MS,
  );
}

const over = [];
function bounded(what, value, most, unit) {
  if (value > most) over.push(`${what}: ${value.toFixed(2)} ${unit}, at most ${most}`);
}

try {
  const engine = await start(stack);
  const port = await startEcho();
  const sockets = [];
  stack.add(() => sockets.forEach((socket) => socket.destroy()));
  while (sockets.length < ROWS) {
    const batch = Array.from({ length: Math.min(200, ROWS - sockets.length) }, () =>
      tunnel(engine.proxy, port),
    );
    sockets.push(...(await Promise.all(batch)));
  }
  const chromium = await browser(stack);
  const page = await (await chromium.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  // The rows that change are on top, where they are seen: the dearest case.
  await page.addInitScript(() => localStorage.setItem('privet.sort', '-down'));
  await page.goto(`${engine.url}#token=${engine.token}`);
  await page.waitForSelector('nav');
  await page.evaluate(() => (location.hash = 'connections'));
  await until(
    'all rows',
    async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === String(ROWS + 1),
  );
  await page.waitForTimeout(1000);

  const before = await worked(session);
  const { frames, blank } = await scroll(page);
  const spent = less(await worked(session), before);
  const mean = frames.reduce((sum, one) => sum + one, 0) / frames.length;
  frames.sort((a, b) => a - b);
  const at = (part) => frames[Math.floor(frames.length * part)].toFixed(1);
  const each = (seconds) => ((seconds * 1000) / frames.length).toFixed(2);
  console.log(
    `${ROWS} rows, scrolled ${SCROLLED_MS / 1000} s: ${(1000 / mean).toFixed(1)} frames a second, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; a row was waited for in ${blank} of ${frames.length} frames`,
  );
  console.log(
    `main thread in a frame: ${each(spent.all)} ms (script ${each(spent.script)}, style ${each(spent.style)}, layout ${each(spent.layout)})`,
  );
  bounded('main thread in a frame', (spent.all * 1000) / frames.length, MOST_MS_A_FRAME, 'ms');

  let next = 0;
  const changing = setInterval(() => {
    for (let n = 0; n < 100; n += 1) sockets[next++ % 1000].write('x');
  }, 100);
  stack.add(() => clearInterval(changing));
  await page.evaluate(() => (document.querySelector('.grid').scrollTop = 0));
  await page.waitForTimeout(3000);
  await page.evaluate(() => {
    window.updates = 0;
    new MutationObserver(() => (window.updates += 1)).observe(document.querySelector('.grid'), {
      subtree: true,
      characterData: true,
      childList: true,
    });
  });
  const [cpu, busy, begin] = [await processSeconds(page), await worked(session), Date.now()];
  await page.waitForTimeout(WATCHED_MS);
  const seconds = (Date.now() - begin) / 1000;
  const share = ((await processSeconds(page)) - cpu) / seconds;
  const main = less(await worked(session), busy).all / seconds;
  const updates = (await page.evaluate(() => window.updates)) / seconds;
  console.log(
    `1,000 rows change each second: the browser's processes take ${(share * 100).toFixed(1)} % of a core, the page's main thread ${(main * 100).toFixed(1)} %; the rows are drawn ${updates.toFixed(1)} times a second`,
  );
  bounded("the browser's processes", share, MOST_SHARE, 'of a core');
  bounded('drawn', updates, MOST_UPDATES + 1.05, 'times a second (ages move once a second besides)');
  over.forEach((line) => console.log(`over its bound: ${line}`));
  if (over.length > 0) process.exitCode = 1;
} finally {
  await stack.end();
}
