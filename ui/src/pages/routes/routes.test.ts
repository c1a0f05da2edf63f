import { describe, expect, it } from 'vitest';
import { chained } from './chains';
import { readProxies } from './importing';

describe('a chain', () => {
  const upstreams = [
    { name: 'a', url: 'socks5://a:1' },
    { name: 'b', url: 'socks5://b:1', via: 'a' },
    { name: 'c', url: 'socks5://c:1', via: 'b', isolate: 'host' },
    { name: 'd', url: 'socks5://d:1' },
  ];

  it('is linked anew when a hop is moved, and only where it is', () => {
    expect(chained(upstreams, ['a', 'b', 'c'], 2, 0)).toEqual({
      names: ['c', 'a', 'b'],
      upstreams: [
        { name: 'a', url: 'socks5://a:1', via: 'c' },
        { name: 'b', url: 'socks5://b:1', via: 'a' },
        { name: 'c', url: 'socks5://c:1', isolate: 'host' },
        { name: 'd', url: 'socks5://d:1' },
      ],
    });
  });

  it('stays where the move leads out of it', () => {
    expect(chained(upstreams, ['a', 'b', 'c'], 0, -1)).toBeUndefined();
    expect(chained(upstreams, ['a', 'b', 'c'], 2, 3)).toBeUndefined();
    expect(chained(upstreams, ['a', 'b', 'c'], 1, 1)).toBeUndefined();
  });
});

describe('a list of proxies', () => {
  it('is read line by line, names made unique, passwords left out', () => {
    const text = [
      '# mine',
      'socks5://127.0.0.1:9050#tor',
      '',
      'HTTP://me:secret@proxy.example:80',
      'proxy.example:1080',
      'socks5h://[2001:db8::1]:1080',
      'https://proxy.example:8443/#over%20tls',
    ].join('\r\n');
    expect(readProxies(text, [{ name: 'tor', url: 'socks5://x:1' }])).toEqual({
      upstreams: [
        { name: 'tor-2', url: 'socks5://127.0.0.1:9050' },
        { name: 'proxy.example', url: 'http://proxy.example:80', username: 'me' },
        { name: 'proxy.example-2', url: 'socks5://proxy.example:1080' },
        { name: '2001:db8::1', url: 'socks5://[2001:db8::1]:1080' },
        { name: 'over tls', url: 'https://proxy.example:8443' },
      ],
      unread: [],
      locked: ['proxy.example'],
    });
  });

  it('says which lines are none', () => {
    const { upstreams, unread } = readProxies('vmess://abc\nproxy.example\nnot a proxy\nx:99999', []);
    expect(upstreams).toEqual([]);
    expect(unread).toEqual([1, 2, 3, 4]);
  });
});
