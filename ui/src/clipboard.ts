/** Into the clipboard, with a word at the foot of the page. */
import { attempt, notices } from './notices.svelte';
import { t } from './words.svelte';

export async function copy(text: string, said = text): Promise<void> {
  if (await attempt(() => navigator.clipboard.writeText(text))) notices.say(t('copy.done', { text: said }));
}
