//! Python's libraries.

use privet_tests::{Privet, python, require};

use crate::support::privet_and_origin;

#[test]
fn python_socks_connects_with_every_protocol() {
    let (privet, origin) = privet_and_origin();
    let script = r#"
import sys
from python_socks.sync import Proxy
proxy_at, port = sys.argv[1], int(sys.argv[2])
for scheme in ("socks4", "socks5", "http"):
    for rdns in (False, True):
        s = Proxy.from_url(f"{scheme}://{proxy_at}", rdns=rdns).connect("localhost", port, timeout=10)
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = s.recv(4096)
        assert got.startswith(b"HTTP/1.1 200"), (scheme, rdns, got)
        s.close()
print("good")
"#;
    let answer = python(
        script,
        &[&privet.proxy().to_string(), &origin.port().to_string()],
    );
    let answer = require!(answer);
    assert_eq!(answer.good(), "good\n");
}

#[test]
fn pysocks_sends_datagrams_through_udp_associate() {
    let (privet, echo) = (Privet::start(""), privet_tests::UdpEcho::start());
    let script = r#"
import sys, socket, socks
host, port, echo = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
s = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
s.set_proxy(socks.SOCKS5, host, port)
s.settimeout(10)
for size in (1, 100, 1400, 9000):
    s.sendto(b"x" * size, ("127.0.0.1", echo))
    got, sender = s.recvfrom(65536)
    assert got == b"x" * size, (size, len(got))
    assert sender[1] == echo, sender
print("good")
"#;
    let proxy = privet.proxy();
    let args = [
        proxy.ip().to_string(),
        proxy.port().to_string(),
        echo.address.port().to_string(),
    ];
    let answer = require!(python(script, &args.each_ref().map(String::as_str)));
    assert_eq!(answer.good(), "good\n");
}

#[test]
fn a_websocket_works_through_upgrade_and_connect() {
    let privet = Privet::start("");
    let script = r#"
import asyncio, sys, websockets, base64, os
proxy_host, proxy_port = sys.argv[1], int(sys.argv[2])

async def serve(ws):
    async for message in ws:
        await ws.send(message[::-1])

async def plain_upgrade(port):
    # A browser without TLS upgrades in absolute-form.
    r, w = await asyncio.open_connection(proxy_host, proxy_port)
    key = base64.b64encode(os.urandom(16)).decode()
    w.write((f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    head = await r.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    w.write(bytes([0x81, 0x83, 0, 0, 0, 0]) + b"abc")
    assert await r.readexactly(5) == b"\x81\x03cba"
    w.close()

async def main():
    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await plain_upgrade(port)
        for scheme in ("http", "socks5"):
            async with websockets.connect(f"ws://127.0.0.1:{port}/", proxy=f"{scheme}://{proxy_host}:{proxy_port}") as ws:
                for n in range(20):
                    await ws.send("hello" * n)
                    assert await ws.recv() == ("hello" * n)[::-1]
    print("good")
asyncio.run(main())
"#;
    let proxy = privet.proxy();
    let args = [proxy.ip().to_string(), proxy.port().to_string()];
    let answer = require!(python(script, &args.each_ref().map(String::as_str)));
    assert_eq!(answer.good(), "good\n");
}
