// A private GNOME session for a check: a bus, dconf, a keyring that is open. `undefined`, reported, where something
// for it is not installed.
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './engine.js';

const NEEDS = ['dbus-daemon', 'gsettings', 'dconf', 'gdbus', 'gnome-keyring-daemon', 'secret-tool'];
const SCHEMA = 'org.gnome.system.proxy';

export async function startSession(stack) {
  const missing = NEEDS.filter((name) => spawnSync('which', [name]).status !== 0);
  if (missing.length > 0) {
    console.log(`skipped: ${missing.join(', ')} not installed`);
    return undefined;
  }
  const dir = mkdtempSync(join(tmpdir(), 'privet-session-'));
  stack.add(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ['home', 'config', 'data', 'run']) mkdirSync(join(dir, name));
  const bus = `unix:path=${join(dir, 'run/bus')}`;
  const env = {
    HOME: join(dir, 'home'),
    XDG_CONFIG_HOME: join(dir, 'config'),
    XDG_DATA_HOME: join(dir, 'data'),
    XDG_RUNTIME_DIR: join(dir, 'run'),
    XDG_CURRENT_DESKTOP: 'GNOME',
    PRIVET_SYSTEM_PROXY: 'gnome',
    DBUS_SESSION_BUS_ADDRESS: bus,
    // Password prompts must not appear on the screen of the user who runs the check.
    DISPLAY: '',
    WAYLAND_DISPLAY: '',
  };
  const options = { env: { ...process.env, ...env }, stdio: ['pipe', 'ignore', 'ignore'] };
  const begin = (name, args) => {
    const child = spawn(name, args, options);
    stack.add(() => void child.kill('SIGKILL'));
    return child;
  };
  begin('dbus-daemon', ['--session', '--nofork', '--nopidfile', `--address=${bus}`]);
  await until('the bus', () => existsSync(join(dir, 'run/bus')));
  const keyring = begin('gnome-keyring-daemon', ['--foreground', '--components=secrets', '--unlock']);
  keyring.stdin.end("keyring's own");
  const run = (name, ...args) =>
    execFileSync(name, args, { env: options.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  // Not by `run`, which would hold up what the keyring is still to read.
  const wait = ['wait', '--session', '--timeout', '30', 'org.freedesktop.secrets'];
  await promisify(execFile)('gdbus', wait, { env: options.env });
  return {
    env,
    run,
    dir,
    /** Sets a proxy value: "mode", "http host". */
    set: (key, value) => {
      const [child, name] = key.includes(' ') ? key.split(' ') : ['', key];
      run('gsettings', 'set', child ? `${SCHEMA}.${child}` : SCHEMA, name, value);
    },
    get: (key) => run('gsettings', 'get', SCHEMA, key).trim(),
    /** Every proxy value that is set, as dconf prints it. */
    proxy: () => run('dconf', 'dump', '/system/proxy/'),
    secret: (name) =>
      spawnSync('secret-tool', ['lookup', 'service', 'privet', 'username', name], {
        env: options.env,
        encoding: 'utf8',
      }).stdout,
    lock: () =>
      run(
        'gdbus',
        ...['call', '--session', '--dest', 'org.freedesktop.secrets'],
        ...['--object-path', '/org/freedesktop/secrets'],
        ...['--method', 'org.freedesktop.Secret.Service.Lock'],
        "['/org/freedesktop/secrets/collection/login']",
      ),
  };
}
