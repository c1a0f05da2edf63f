import { describe, expect, it } from 'vitest';
import { curlOf } from './curl';

describe('copy as curl', () => {
  it('asks the same through the proxy', () => {
    const listeners = [
      { kind: 'pac', address: '127.0.0.1:7281' },
      { kind: 'mixed', address: '127.0.0.1:7280' },
    ];
    const row = { host: '::1', port: 8443, protocol: 'connect' };
    expect(curlOf(row, listeners)).toBe("curl -x socks5h://127.0.0.1:7280 'https://[::1]:8443/'");
    expect(curlOf({ host: 'a.test', port: 80, protocol: 'http' }, [])).toBe("curl 'http://a.test/'");
  });
});
