/** Error messages in the page's language if the kind of error is known. */
import { CallError } from './api/client';
import { hasMessage, t, i18n } from './i18n.svelte';

/** Last part of the problem's URN (RFC 9457 `type`). */
function kindOf(error: CallError): string {
  return error.problem?.type.split(':').at(-1) ?? '';
}

export function errorText(error: unknown): string {
  if (!(error instanceof CallError)) {
    // `fetch` throws a TypeError on network errors; its message is the browser's.
    if (error instanceof TypeError) return t('failed.network');
    return error instanceof Error ? error.message : String(error);
  }
  if (!error.problem) return t('failed.status', { status: String(error.status) });
  const key = `failed.${kindOf(error)}`;
  return i18n.language !== 'en' && hasMessage(key) ? `${t(key)} ${error.message}` : error.message;
}
