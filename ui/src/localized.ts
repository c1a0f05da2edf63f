/** The formats of `format.ts` in the current locale. */
import * as format from './format';
import { i18n } from './i18n.svelte';

export const bytes = (n: number) => format.bytes(n, i18n.locale);
export const speed = (n: number) => format.speed(n, i18n.locale);
export const count = (n: number) => format.count(n, i18n.locale);
export const share = (part: number) => format.share(part, i18n.locale);
export const span = (ms: number) => format.span(ms, i18n.locale);
export const millis = (ms: number) => format.millis(ms, i18n.locale);
export const moment = (ms: number) => format.moment(ms, i18n.locale);
export const day = (ms: number) => format.day(ms, i18n.locale);
export const hour = (ms: number) => format.hour(ms, i18n.locale);
export const timeOfDay = (ms: number) => format.timeOfDay(ms, i18n.locale);
export const ago = (ms: number, now: number) => format.ago(ms, now, i18n.locale);
export const clock = format.clock;
