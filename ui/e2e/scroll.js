// Thousands of rows (the processes need two open files for each): frames while scrolling, and what watching changing rows costs. Prints figures, asserts none.
import net from 'node:net';
import { browser, Stack, start, until } from './engine.js';

const ROWS = Number(process.argv[2] ?? 10_000);
const stack = new Stack();

/** A SOCKS5 tunnel to the echo that stays. */
function tunnel(proxy, port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(proxy, '127.0.0.1');
    socket.on('error', reject);
    socket.once('connect', () => socket.write(Buffer.from([5, 1, 0])));
    socket.once('data', () => {
      socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]));
      socket.once('data', () => resolve(socket));
    });
  });
}

async function processSeconds(page) {
  const { processInfo } = await (
    await page.context().browser().newBrowserCDPSession()
  ).send('SystemInfo.getProcessInfo');
  return processInfo.reduce((sum, one) => sum + one.cpuTime, 0);
}

try {
  const engine = await start(stack);
  const echo = net.createServer((socket) => {
    socket.on('data', (data) => socket.write(data));
    socket.on('error', () => undefined);
  });
  await new Promise((resolve) => echo.listen(0, '127.0.0.1', 4096, resolve));
  const sockets = [];
  stack.add(() => sockets.forEach((socket) => socket.destroy()));
  stack.add(() => echo.close());
  while (sockets.length < ROWS) {
    const batch = Array.from({ length: Math.min(200, ROWS - sockets.length) }, () =>
      tunnel(engine.proxy, echo.address().port),
    );
    sockets.push(...(await Promise.all(batch)));
  }
  const chromium = await browser(stack);
  const page = await (await chromium.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await page.goto(`${engine.url}#token=${engine.token}`);
  await page.waitForSelector('nav');
  await page.evaluate(() => (location.hash = 'connections'));
  await until(
    'all rows',
    async () => (await page.getByRole('grid').getAttribute('aria-rowcount')) === String(ROWS + 1),
  );

  const frames = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const grid = document.querySelector('[role=grid]');
        const times = [];
        const begin = performance.now();
        const step = (now) => {
          times.push(now);
          grid.scrollTop += 60;
          if (now - begin < 5000) requestAnimationFrame(step);
          else resolve(times.slice(1).map((time, at) => time - times[at]));
        };
        requestAnimationFrame(step);
      }),
  );
  frames.sort((a, b) => a - b);
  const mean = frames.reduce((sum, one) => sum + one, 0) / frames.length;
  const at = (part) => frames[Math.floor(frames.length * part)].toFixed(1);
  console.log(
    `${ROWS} rows, scrolled 5 s: ${(1000 / mean).toFixed(1)} frames a second, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
  );

  let next = 0;
  const changing = setInterval(() => {
    for (let n = 0; n < 100; n += 1) sockets[next++ % sockets.length].write('x');
  }, 100);
  stack.add(() => clearInterval(changing));
  await page.waitForTimeout(2000);
  const [before, begin] = [await processSeconds(page), Date.now()];
  await page.waitForTimeout(10_000);
  const spent = (await processSeconds(page)) - before;
  console.log(
    `1,000 rows change each second: the browser's processes take ${((spent / (Date.now() - begin)) * 1e5).toFixed(1)} % of a core`,
  );
} finally {
  await stack.end();
}
