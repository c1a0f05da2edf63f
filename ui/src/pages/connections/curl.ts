/** A connection as a curl command through Privet. Pure. */
import type { Row, Schema } from '../../api/client';

export function curlOf(
  row: Pick<Row, 'host' | 'port' | 'protocol'>,
  listeners: readonly Schema['Listener'][],
): string {
  const proxy = listeners.find((one) => one.kind !== 'pac');
  const by = proxy?.kind === 'http' ? 'http' : 'socks5h';
  const through = proxy ? `-x ${by}://${proxy.address} ` : '';
  const scheme = row.protocol === 'http' || row.port === 80 ? 'http' : 'https';
  const host = row.host.includes(':') ? `[${row.host}]` : row.host;
  const usual = (scheme === 'http' && row.port === 80) || (scheme === 'https' && row.port === 443);
  // Always quoted, because the result is pasted into a shell.
  const url = `${scheme}://${host}${usual ? '' : `:${row.port}`}/`.replace(/'/g, '');
  return `curl ${through}'${url}'`;
}
