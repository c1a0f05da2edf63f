// Serves `dist` in the place of the page that is built into the program, so that the page can be worked on without
// building the program again: PRIVET_DIST=1 npm run e2e. Everything else is forwarded to the engine.
import { readFileSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { extname, join, normalize } from 'node:path';

const dist = new URL('../dist', import.meta.url).pathname;
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

function fileFor(path) {
  try {
    return readFileSync(join(dist, normalize(path === '/' ? '/index.html' : path)));
  } catch {
    return undefined;
  }
}

/** The engine's answers, under an address of our own. */
function pass(request, response, control) {
  const to = { host: '127.0.0.1', port: control, method: request.method, path: request.url };
  const headers = { ...request.headers, host: `127.0.0.1:${control}` };
  if (headers.origin) headers.origin = `http://127.0.0.1:${control}`;
  const onward = ask({ ...to, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

/** The page's address. */
export async function serveDist(stack, control) {
  // The policy that the page has to live with is the engine's.
  const { headers } = await fetch(`http://127.0.0.1:${control}/`);
  const policy = headers.get('content-security-policy');
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://page').pathname;
    if (path.startsWith('/api/') || path === '/login') return pass(request, response, control);
    const body = fileFor(path);
    if (!body) return response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': TYPES[extname(path)] ?? TYPES['.html'],
      'content-security-policy': policy,
    });
    response.end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.add(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}
