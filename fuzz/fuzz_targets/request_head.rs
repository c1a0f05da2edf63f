//! A request's head: any split gives the same result; a head written again is read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_config::HeaderMode;
use privet_http::head::scan::Scan;
use privet_http::head::{BadRequest, RequestHead, TargetRule};
use privet_http::headers::request::{self, RequestRewrite};
use privet_net::AbsoluteForm;

fn parse(bytes: &[u8]) -> Result<Option<RequestHead>, BadRequest> {
    let mut head = RequestHead::default();
    Ok(head
        .parse(bytes, &mut Scan::default(), TargetRule::Proxy)?
        .then_some(head))
}

fn parse_in_pieces(bytes: &[u8], cuts: &[u8]) -> Result<Option<usize>, BadRequest> {
    let mut head = RequestHead::default();
    let mut scan = Scan::default();
    let mut end = 0;
    for piece in privet_fuzz::pieces(bytes, cuts) {
        end += piece.len();
        if head.parse(&bytes[..end], &mut scan, TargetRule::Proxy)? {
            return Ok(Some(head.len));
        }
    }
    Ok(None)
}

fn rewrite(bytes: &[u8]) -> Option<Vec<u8>> {
    let head = parse(bytes).ok()??;
    let proxy = AbsoluteForm::default();
    let rewrite = RequestRewrite {
        target: head.target.as_ref()?,
        mode: HeaderMode::Reduced,
        proxy: Some(&proxy),
        site: None,
        conditions: None,
        scanned: false,
    };
    let mut out = Vec::new();
    request::write(&mut out, &head, bytes, &rewrite);
    Some(out)
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
    // CONNECT is never written again, and Max-Forwards is decremented each time.
    if head.method == privet_http::head::Method::Connect || head.max_forwards.is_some() {
        return;
    }
    if let Some(once) = rewrite(bytes) {
        assert!(
            once.is_ascii()
                || head
                    .fields
                    .iter()
                    .any(|field| !field.value.of_buffer(bytes).is_ascii())
        );
        assert_eq!(rewrite(&once).as_deref(), Some(once.as_slice()));
    }
});
