// A running privet with an upstream (another privet), an origin to talk to, and a browser: what the checks and the
// screenshots share. Everything is on loopback, on ports of the system's choice.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPort } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { serveDist } from './dist.js';

export const PAGES = [
  'home',
  'connections',
  'routes',
  'rules',
  'protection',
  'cache',
  'sites',
  'activity',
  'settings',
];
const root = new URL('../..', import.meta.url).pathname;
const BINARY = process.env.PRIVET_BIN ?? join(root, 'target/debug/privet');
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const BROWSER_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createPort();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Ends what was opened, the last first. */
export class Stack {
  #ends = [];
  add(end) {
    this.#ends.push(end);
  }
  async end() {
    for (const end of this.#ends.reverse()) await end();
    this.#ends = [];
  }
}

/** `command`: how it runs, "serve" or "agent". It switches Plasma settings in a temporary folder, unless `more` provides a desktop. */
export async function startPrivet(stack, name, config, command = ['serve'], more = {}) {
  const dir = mkdtempSync(join(tmpdir(), `privet-page-${name}-`));
  stack.add(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'ads.txt'), '0.0.0.0 ads.example\n0.0.0.0 tracker.example\n');
  writeFileSync(join(dir, 'privet.toml'), config);
  const args = ['--config', join(dir, 'privet.toml'), '--data-dir', join(dir, 'data'), ...command];
  const env = {
    ...process.env,
    // No certificate goes into the stores of the system, nor into those of the person who runs this.
    PRIVET_TRUST_STORES: 'home',
    HOME: join(dir, 'home'),
    PRIVET_SYSTEM_PROXY: command[0] === 'agent' ? 'kde' : 'none',
    XDG_CONFIG_HOME: join(dir, 'desktop'),
    ...more,
  };
  for (const folder of [env.HOME, env.XDG_CONFIG_HOME]) mkdirSync(folder, { recursive: true });
  const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let out = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (out += text));
  stack.add(() => {
    child.kill('SIGKILL');
  });
  await until(`${name} to start`, async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${out}`);
    return out.includes('Ctrl-C');
  });
  return { dir, child, out: () => out, kioslaverc: join(env.XDG_CONFIG_HOME, 'kioslaverc') };
}

/** Waits, at most 20 s, until `test` gives something true. */
export async function until(what, test) {
  const end = Date.now() + 20_000;
  for (;;) {
    const got = await test();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Answers at once, or, under /slow, a little at a time until stopped. */
export async function startOrigin(stack) {
  const answer = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    if (!request.url.startsWith('/slow')) return response.end('x'.repeat(20_000));
    const timer = setInterval(() => response.write('x'.repeat(6000 + Math.random() * 30_000)), 100);
    response.on('close', () => clearInterval(timer));
  };
  const listen = async (port, address) => {
    const server = createServer(answer);
    await new Promise((resolve) => server.listen(port, address, resolve));
    stack.add(() => {
      server.closeAllConnections();
      server.close();
    });
    return server.address().port;
  };
  const port = await listen(0, '127.0.0.1');
  await listen(port, '127.0.0.2');
  await listen(port, '127.0.0.3');
  await listen(port, networkAddress());
  return port;
}

/** An IPv4 address of this machine in its network: no list blocks loopback addresses. */
export function networkAddress() {
  const all = Object.values(networkInterfaces()).flat();
  const found = all.find((one) => one.family === 'IPv4' && !one.internal);
  if (!found) throw new Error('the checks of lists need a network interface with an IPv4 address');
  return found.address;
}

/** Publishes blocklists under names, each text with its own ETag. */
export async function startLists(stack) {
  const texts = new Map();
  const server = createServer((request, response) => {
    const text = texts.get(request.url.slice(1));
    if (text === undefined) return response.writeHead(404).end();
    response.writeHead(200, { etag: JSON.stringify(text), 'content-type': 'text/plain' }).end(text);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.add(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = (name) => `http://127.0.0.1:${server.address().port}/${name}`;
  return { url, publish: (name, text) => texts.set(name, text) };
}

export async function start(stack) {
  const ports = Array.from({ length: 5 }, () => freePort());
  const [proxy, pac, control, far, site] = await Promise.all(ports);
  const origin = await startOrigin(stack);
  await startPrivet(stack, 'upstream', `[listen]\nmixed = ["127.0.0.1:${far}"]\npac = ""\n`);
  const config = `# Privet, as the page's checks run it
mode = "standard"

[listen]
mixed = ["127.0.0.1:${proxy}"]
pac = "127.0.0.1:${pac}"

[control]
http = "127.0.0.1:${control}"

[[upstream]]
name = "berlin"
url = "socks5://127.0.0.1:${far}"

[[upstream]]
name = "tor"
url = "socks5://127.0.0.1:1"
via = "berlin"
isolate = "host"

[[group]]
name = "auto"
policy = "failover"
members = ["berlin", "tor"]

[[rule]]
match = { ip = ["127.0.0.2/32"] }
use = "berlin"

[[rule]]
match = { domain_suffix = ["intranet.example"], port = [80, 443] }
use = "direct"

[filter]
allow = ["good.example"]
deny = ["bad.example"]

[[filter.list]]
name = "local ads"
source = "ads.txt"

[[site]]
name = "app"
listen = ["127.0.0.1:${site}"]
hosts = ["app.test"]
cache = false

[[site.backend]]
url = "http://127.0.0.1:${origin}"

[[site.backend]]
url = "http://127.0.0.1:1"

[site.health]
path = "/"
interval = "500ms"
`;
  const engine = await startPrivet(stack, 'engine', config, ['agent', '--no-tray']);
  const token = readFileSync(join(engine.dir, 'data/control.token'), 'utf8').trim();
  return {
    proxy,
    control,
    origin,
    site,
    token,
    url: process.env.PRIVET_DIST ? await serveDist(stack, control) : `http://127.0.0.1:${control}/`,
    config: join(engine.dir, 'privet.toml'),
    kioslaverc: engine.kioslaverc,
    home: join(engine.dir, 'home'),
    child: engine.child,
  };
}

/** Runs curl through the proxy; gives its exit code, or with `stays` leaves it running. */
export function curl(stack, engine, url, stays = false, scheme = 'socks5h') {
  const args = [
    '-s',
    '-o',
    '/dev/null',
    '--max-time',
    '900',
    '-x',
    `${scheme}://127.0.0.1:${engine.proxy}`,
    url,
  ];
  const child = spawn('curl', args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  if (stays) stack.add(() => void child.kill('SIGKILL'));
  return stays ? child : ended;
}

/** Some of everything: direct, routed, blocked, failed; two that go on. */
export async function traffic(stack, engine) {
  const { origin } = engine;
  curl(stack, engine, `http://127.0.0.1:${origin}/slow`, true);
  curl(stack, engine, `http://127.0.0.2:${origin}/slow`, true);
  curl(stack, engine, `http://localhost:${origin}/slow`, true, 'http');
  await Promise.all([
    curl(stack, engine, `http://127.0.0.1:${origin}/`),
    curl(stack, engine, `http://localhost:${origin}/`, false, 'http'),
    curl(stack, engine, 'http://bad.example/'),
    curl(stack, engine, 'https://ads.example/'),
    curl(stack, engine, 'http://tracker.example/pixel', false, 'http'),
    curl(stack, engine, 'http://127.0.0.1:1/'),
  ]);
}

export async function browser(stack, more = []) {
  const args = [...BROWSER_ARGS, ...more];
  const opened = await chromium.launch({ executablePath: BROWSER, args, headless: true });
  stack.add(() => opened.close());
  return opened;
}
