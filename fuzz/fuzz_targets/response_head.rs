//! A response's head: any split gives the same result; a head written again frames its body the same way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_config::HeaderMode;
use privet_http::head::response::BadResponse;
use privet_http::head::scan::Scan;
use privet_http::head::{BodyLength, Method, ResponseHead};
use privet_http::headers::response::{self, ResponseRewrite, ResponseStyle};

fn parse(bytes: &[u8]) -> Result<Option<ResponseHead>, BadResponse> {
    let mut head = ResponseHead::default();
    Ok(head.parse(bytes, &mut Scan::default())?.then_some(head))
}

fn parse_in_pieces(bytes: &[u8], cuts: &[u8]) -> Result<Option<usize>, BadResponse> {
    let mut head = ResponseHead::default();
    let mut scan = Scan::default();
    let mut end = 0;
    for piece in privet_fuzz::pieces(bytes, cuts) {
        end += piece.len();
        if head.parse(&bytes[..end], &mut scan)? {
            return Ok(Some(head.len));
        }
    }
    Ok(None)
}

fuzz_target!(|input: &[u8]| {
    // Four bytes determine how the rest is split.
    let Some((cuts, bytes)) = input.split_at_checked(4) else {
        return;
    };
    let at_once = parse(bytes);
    assert_eq!(
        at_once
            .as_ref()
            .map(|head| head.as_ref().map(|head| head.len)),
        parse_in_pieces(bytes, cuts).as_ref().copied()
    );
    let Ok(Some(head)) = at_once else { return };
    for method in [Method::Get, Method::Head] {
        let body = head.body(method);
        let chunked = matches!(body, BodyLength::Chunked | BodyLength::UntilClose);
        let mut out = Vec::new();
        let rewrite = ResponseRewrite {
            style: ResponseStyle::Forward(HeaderMode::Reduced),
            chunked,
            close: false,
            method,
            part: None,
            lines: &[],
        };
        response::write(&mut out, &head, bytes, &rewrite);
        let again = parse(&out).expect("well-formed").expect("whole");
        assert_eq!(again.len, out.len());
        assert_eq!(again.status, head.status);
        let expected = if chunked { BodyLength::Chunked } else { body };
        assert_eq!(again.body(method), expected);
    }
});
