/** The formats of `format.ts` in the language that is on. */
import * as format from './format';
import { words } from './words.svelte';

export const bytes = (n: number) => format.bytes(n, words.locale);
export const speed = (n: number) => format.speed(n, words.locale);
export const count = (n: number) => format.count(n, words.locale);
export const span = (ms: number) => format.span(ms, words.locale);
export const millis = (ms: number) => format.millis(ms, words.locale);
export const moment = (ms: number) => format.moment(ms, words.locale);
export const day = (ms: number) => format.day(ms, words.locale);
export const timeOfDay = (ms: number) => format.timeOfDay(ms, words.locale);
export const ago = (ms: number, now: number) => format.ago(ms, now, words.locale);
export const clock = format.clock;
