import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { splitMessages } from './scripts/split-messages.js';

/** `PRIVET=http://127.0.0.1:7282 npm run dev` works on the page beside a running engine. */
const engine = process.env.PRIVET ?? 'http://127.0.0.1:7282';
const calls = {
  target: engine,
  changeOrigin: true,
  // The engine takes calls of its own page alone.
  headers: { origin: engine },
};
const proxy = { '/api': calls, '/login': calls };

export default defineConfig({
  plugins: [splitMessages(), svelte()],
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    // The pages' styles are small: one file for all saves the first page a request.
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
