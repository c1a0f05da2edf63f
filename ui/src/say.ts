/** The formats of `format.ts` in the language that is on. */
import * as format from './format';
import { words } from './words.svelte';

export const bytes = (n: number) => format.bytes(n, words.language);
export const speed = (n: number) => format.speed(n, words.language);
export const count = (n: number) => format.count(n, words.language);
export const span = (ms: number) => format.span(ms, words.language);
export const millis = (ms: number) => format.millis(ms, words.language);
export const moment = (ms: number) => format.moment(ms, words.language);
export const timeOfDay = (ms: number) => format.timeOfDay(ms, words.language);
export const ago = (ms: number, now: number) => format.ago(ms, now, words.language);
export const clock = format.clock;
