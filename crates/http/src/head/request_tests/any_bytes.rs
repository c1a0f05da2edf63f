//! What holds for any bytes.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn any_split_of_any_bytes_gives_the_same_result(bytes in hostile()) {
        let at_once = parse(&bytes).map(|head| head.map(|head| head.len));
        let slowly = parse_slowly(&bytes);
        prop_assert_eq!(at_once, slowly);
    }

    #[test]
    fn an_accepted_head_contains_no_forbidden_byte(bytes in hostile()) {
        if let Ok(Some(head)) = parse(&bytes) {
            let bytes = &bytes[..head.len];
            for field in &head.fields {
                prop_assert!(is_token(field.name.of_buffer(bytes)));
                let value = field.value.of_buffer(bytes);
                prop_assert!(value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)));
                prop_assert_eq!(value.trim_ascii(), value);
            }
        }
    }
}

/// Nearly valid heads: parts of requests in any order, with any byte changed.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "GET http://a/ HTTP/1.1\r\n",
        "POST http://a/ HTTP/1.1\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close, x\r\n",
        "X: \u{e9} \t y \r\n",
        "Upgrade: a/1\r\n",
        "\r\n",
        "\n",
        "\r",
        " ",
        "\0",
        ":",
    ]);
    let text = prop::collection::vec(pieces, 1..8).prop_map(|pieces| pieces.concat().into_bytes());
    (
        text,
        any::<prop::sample::Index>(),
        any::<u8>(),
        any::<bool>(),
    )
        .prop_map(|(mut bytes, at, byte, change)| {
            if change {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
}
