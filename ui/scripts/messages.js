// Compares the message files with English and with what the code asks for.
import { readFileSync, readdirSync } from 'node:fs';
import { asksFor } from './split-messages.js';

const placeholders = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort().join(' ');
/** The plural forms a language has (Unicode), where a message has forms at all. */
const forms = (text) => (text.includes('¦') ? text.split('¦').map((one) => one.split(':')[0].trim()) : []);
const lacking = (language, text) =>
  new Intl.PluralRules(language)
    .resolvedOptions()
    .pluralCategories.filter((form) => text.includes('¦') && !forms(text).includes(form));

/** One sentence for each fault. */
export function messageFaults(here) {
  const read = (name) => JSON.parse(readFileSync(`${here}/src/messages/${name}.json`, 'utf8'));
  const english = read('en');
  const faults = [];
  for (const name of ['de', 'ar']) {
    const other = read(name);
    for (const key of Object.keys(english)) {
      if (!other[key]) faults.push(`${name}.json: ${key} is missing`);
      else if (placeholders(other[key]) !== placeholders(english[key])) {
        faults.push(`${name}.json: ${key} has other placeholders than English`);
      }
    }
    for (const [key, text] of Object.entries(other)) {
      const missing = lacking(name, text);
      if (missing.length > 0) faults.push(`${name}.json: ${key} has no form for ${missing.join(', ')}`);
    }
    for (const key of Object.keys(other))
      if (!(key in english)) faults.push(`${name}.json: ${key} is not in English`);
  }
  const code = readdirSync(`${here}/src`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(svelte|ts)$/.test(entry.name))
    .map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8'))
    .join('\n');
  const used = asksFor(code);
  for (const key of Object.keys(english)) if (!used(key)) faults.push(`en.json: ${key} is not used`);
  return faults;
}
