// Everything that is checked without a browser: types, style, messages, and, where PRIVET_BIN names a binary, that
// `openapi.json` is what it says.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { messageFaults } from './messages.js';

const here = new URL('..', import.meta.url).pathname;
/** Runs a tool of the project, which prints its findings. */
function run(program, ...args) {
  const { status } = spawnSync('npx', ['--no-install', program, ...args], { cwd: here, stdio: 'inherit' });
  if (status !== 0) fault(`${program} is not content`);
}
let faults = 0;
const fault = (text) => {
  console.error(text);
  faults += 1;
};

messageFaults(here).forEach(fault);

const kept = readFileSync(`${here}/openapi.json`, 'utf8');
if (process.env.PRIVET_BIN) {
  const said = execFileSync(process.env.PRIVET_BIN, ['openapi'], { encoding: 'utf8' });
  if (said.trim() !== kept.trim())
    fault('openapi.json is old: privet openapi > ui/openapi.json && npm run api');
}
const types = execFileSync('npx', ['--no-install', 'openapi-typescript', 'openapi.json'], {
  cwd: here,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
});
if (types.trim() !== readFileSync(`${here}/src/api/schema.ts`, 'utf8').trim()) {
  fault('src/api/schema.ts is old: npm run api');
}

for (const entry of readdirSync(`${here}/src`, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith('.svelte')) continue;
  const path = `${entry.parentPath}/${entry.name}`;
  const text = readFileSync(path, 'utf8');
  if (text.split('\n').length > 200) fault(`${path}: more than 200 lines`);
  // The page's policy refuses styles in attributes; `style:name={…}` is set by script and passes.
  if (/\sstyle=/.test(text)) fault(`${path}: a style attribute`);
  if (/#[0-9a-f]{3,8}\b.*;|rgba?\(/i.test(/<style>(.*)<\/style>/s.exec(text)?.[1] ?? '')) {
    fault(`${path}: a colour outside tokens.css`);
  }
}

run('prettier', '--check', '--log-level', 'warn', '.');
run('eslint', '.');
run('svelte-check', '--tsconfig', './tsconfig.json', '--fail-on-warnings');
if (faults > 0) process.exit(1);
