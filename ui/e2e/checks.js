// A page under test: opened with the token, operated, checked by axe.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** One check; all run in order on one page. A failure is reported, and the others continue. */
export async function shows(what, work) {
  const begin = Date.now();
  try {
    await work();
    console.log(`ok  ${what} (${Date.now() - begin} ms)`);
  } catch (error) {
    console.log(`NOT ${what}`);
    console.error(error);
    process.exitCode = 1;
  }
}

export async function signIn(context, engine, faults) {
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on('console', (line) => {
    if (line.type() !== 'error') return;
    // A dry run while typing may be invalid: the engine refuses it, and the browser logs that.
    const tried = line.location().url.includes('dry_run=true') && line.text().includes('422');
    if (!tried) faults.push(`console: ${line.text()} ${line.location().url}`);
  });
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(engine.url).origin && !request.url().startsWith('blob:')) {
      faults.push(`asked elsewhere: ${request.url()}`);
    }
    if (request.url().includes(engine.token)) faults.push(`the token went in an address: ${request.url()}`);
  });
  await page.goto(`${engine.url}#token=${engine.token}`);
  await page.waitForSelector('nav');
  return page;
}

export async function go(page, name) {
  await page.evaluate((to) => (location.hash = to), name);
  await page.waitForSelector(`nav a[href="#${name}"][aria-current="page"]`);
}

export async function axeFinds(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  return violations.map(
    (v) => `${where}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`,
  );
}
