// Writes a gzip beside every text file of the build where that is smaller, and prints what the page weighs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist', import.meta.url).pathname;
let sum = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(html|js|css|svg)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const plain = readFileSync(path);
  const packed = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
  if (packed.length < plain.length) writeFileSync(`${path}.gz`, packed);
  sum += Math.min(packed.length, plain.length);
}
console.log(`the page: ${(sum / 1024).toFixed(1)} KiB gzip`);
