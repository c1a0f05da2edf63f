import type { Plugin } from 'vite';

export function splitMessages(): Plugin;
