// Splits each message file in two: `?first` has what the first page needs, `?rest` the others. The first page is what
// `src/main.ts` imports without waiting.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const IMPORT = /(?:import|export)\s+(?!type\b)(?:[^'"()]*?from\s*)?'(\.[^']+)'/g;
const ENDS = ['', '.ts', '.svelte.ts'];

/** The files that are loaded with `entry`. */
function loadedWith(entry) {
  const found = new Set();
  const visit = (file) => {
    if (found.has(file)) return;
    found.add(file);
    for (const [, path] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const whole = ENDS.map((end) => join(dirname(file), path + end)).find((one) => existsSync(one));
      if (whole && /\.(ts|svelte)$/.test(whole)) visit(whole);
    }
  };
  visit(entry);
  return [...found];
}

/** Whether a text of code asks for a key, also as t(`page.${page}`). */
export function asksFor(code) {
  const made = new Set([...code.matchAll(/`([a-z]+)\.\$\{/gi)].map((match) => match[1]));
  return (key) => code.includes(`'${key}'`) || made.has(key.split('.')[0]);
}

export function splitMessages() {
  let inFirst;
  return {
    name: 'split-messages',
    enforce: 'pre',
    load(id) {
      const [file, part] = id.split('?');
      if (!file.endsWith('.json') || (part !== 'first' && part !== 'rest')) return null;
      const src = dirname(dirname(file));
      inFirst ??= asksFor(
        loadedWith(join(src, 'main.ts'))
          .map((one) => readFileSync(one, 'utf8'))
          .join('\n'),
      );
      const all = Object.entries(JSON.parse(readFileSync(file, 'utf8')));
      const these = all.filter(([key]) => inFirst(key) === (part === 'first'));
      if (these.length === 0) this.error(`${basename(file)} has no messages for ${part}`);
      return { code: `export default ${JSON.stringify(Object.fromEntries(these))}`, moduleType: 'js' };
    },
  };
}
