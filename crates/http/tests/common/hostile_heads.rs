//! The corpus of hostile heads; `cargo xtask bench hostile` sends it to the peers too.

/// Requests whose heads must not be forwarded. `PORT` stands for the origin's port.
pub fn hostile_heads() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let get = b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\n".to_vec();
    let with = |line: &[u8]| [&get[..], b"Host: x\r\n", line, b"\r\n\r\n"].concat();
    // Each forbidden byte in a value, a name, a method, a target and a version.
    for byte in (0u8..=31).chain([127]) {
        if byte != b'\t' {
            all.push(with(&[b'X', b':', b'a', byte, b'b']));
        }
        all.push(with(&[b'X', byte, b':', b'a']));
        all.push(
            [
                b"G",
                &[byte][..],
                b"T http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
        all.push(
            [
                b"GET http://127.0.0.1:PORT/",
                &[byte][..],
                b"x HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
        all.push(
            [
                b"GET http://127.0.0.1:PORT/ HTTP/1",
                &[byte][..],
                b"1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
        all.push(
            [
                b"GET http://127.0.0.1",
                &[byte][..],
                b":PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
    }
    for byte in b"\"(),/;<=>?@[\\]{} \x80\xff" {
        all.push(with(&[b'X', *byte, b'y', b':', b'a']));
        all.push(
            [
                b"GE",
                &[*byte][..],
                b"T http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
    }
    let lines = [
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "content-length: 5\r\nCONTENT-LENGTH: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 5,5",
        "Content-Length: 5 ,5",
        "Content-Length: 0x5",
        "Content-Length: 5e0",
        "Content-Length: 05a",
        "Content-Length: +5",
        "Content-Length: -0",
        "Content-Length: 1_0",
        "Content-Length: 5;",
        "Content-Length: '5'",
        "Content-Length: \"5\"",
        "Content-Length: 5.",
        "Content-Length: \u{ff15}",
        "Content-Length: 5\u{a0}",
        "Content-Length: 18446744073709551616",
        "Content-Length: 18446744073709551621",
        "Content-Length: 4294967296000000000000000",
        "Content-Length:",
        "Content-Length : 5",
        "Content-Length\t: 5",
        " Content-Length: 5",
        "\tContent-Length: 5",
        "X: y\r\n Content-Length: 5",
        "X: y\r\n\tContent-Length: 5",
        "Content-Length: 5\r\n 6",
        "Content-Length:\r\n 5",
        "Content_Length : 5",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\n , identity",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: \u{c}chunked",
        "Transfer-Encoding: chunked\u{b}",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: chunked\u{a0}",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunk",
        "Transfer-Encoding: x chunked",
        "Transfer-Encoding: chunked x",
        "Transfer-Encoding: chunked, x",
        "Transfer-Encoding: x, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: , chunked",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;foo=bar",
        "Transfer-Encoding: {chunked",
        "Transfer-Encoding: [chunked]",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\n\rTransfer-Encoding: chunked",
        "X: y\r\r\nTransfer-Encoding: chunked",
        "X\r\nTransfer-Encoding: chunked",
        "X\rTransfer-Encoding: chunked",
        "X:\nTransfer-Encoding: chunked",
        ": y",
        ":",
        "X",
        "Host: y",
        "host: x",
        "Host : x",
        "Connection: a b",
        "Connection: \"close\"",
        "Expect: 100-continue, x",
        "Expect: nothing",
        "Upgrade: a b",
    ];
    all.extend(lines.map(|line| with(line.as_bytes())));
    let whole = [
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a:x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a?b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a#b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a%00b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\nHost: x\n\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\nGET",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\rHost: x\r\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\n\nHost: x\r\n\r\n",
        "\r\n\r\nGET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "\nGET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        " GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "\0GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET  http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/  HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1 \r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1x\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.01\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/01.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP /1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ Http/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET http://u%0d%0aX:p@127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://u@v@127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1\u{e4}:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.10\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: ::1::\r\n\r\n",
        "GET ws://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://evil\\@127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT\\/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http:127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http:///127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET //127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "GET 127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST http://127.0.0.1:PORT/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "CONNECT 127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        "CONNECT 127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "CONNECT http://127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT 127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT u@127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT 127.0.0.1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "TRACE http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
    ];
    all.extend(whole.map(|text| text.as_bytes().to_vec()));
    all
}
