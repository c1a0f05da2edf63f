//! Fields that a cache decides by. No input panics; a response with no-store of its own, beside anything, is not stored; what
//! is stored has whole lines only and reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_cache::rules::invalidation::{groups, invalid_paths};
use privet_cache::rules::no_vary_search::NoVarySearch;
use privet_cache::rules::storing::store;
use privet_cache::rules::{answer, reuse, vary};
use privet_cache::{FieldLines, Policy, Request, Response, Reuse, StoredHead, Target, Timestamp};

const NOW: Timestamp = Timestamp(1_800_000_000);

// The request's field lines, a zero byte, the response's.
fuzz_target!(|bytes: &[u8]| {
    let (request, response) = match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (&b""[..], bytes),
    };
    let target = Target {
        scheme: "http",
        host: "example.com",
        port: 80,
        path_and_query: b"/a?b",
    };
    let (request, response) = (FieldLines(request), FieldLines(response));
    let request = Request::new(b"GET", target, &request);
    for path in invalid_paths(&target, &response) {
        assert!(path.starts_with(b"/"));
    }
    groups(&response, "cache-groups");
    if let Some(rule) = NoVarySearch::read(&response) {
        assert!(rule.same(b"/a?b=1", b"/a?b=1") && !rule.same(b"/a", b"/c"));
    }
    for policy in [Policy::private(), Policy::shared(), Policy::site()] {
        check(&request, &response, &policy);
    }
});

fn check(request: &Request<'_>, response: &FieldLines<'_>, policy: &Policy) {
    let kept = |fields: &FieldLines<'_>, policy: &Policy| {
        let response = Response {
            status: 200,
            fields,
            body_len: None,
        };
        store(request, &response, NOW, NOW, policy)
    };
    let forbidden = [response.0, b"\nCache-Control: no-store\r\n"].concat();
    let untargeted = Policy {
        targeted: Vec::new(),
        ..policy.clone()
    };
    let understood = kept(&FieldLines(&forbidden), &untargeted);
    let overridden = response
        .0
        .to_ascii_lowercase()
        .windows(15)
        .any(|word| word == b"must-understand");
    assert!(understood.is_err() || overridden);
    let Ok(head) = kept(response, policy) else {
        return;
    };
    let lines = head.fields().iter();
    let whole: usize = lines
        .map(|(name, value)| name.len() + value.len() + 4)
        .sum();
    assert_eq!(whole, head.lines.len());
    let (lines, key) = (head.lines.clone(), head.vary_key.clone());
    let again = StoredHead::restore(200, lines, key, head.received, head.generated, policy);
    assert_eq!(again, head);
    assert!(vary::matches(request, &head));
    for seconds in [0, 1, 100_000] {
        let now = NOW.plus(seconds);
        if let Reuse::Fresh { age, ttl } = reuse::reuse(request, &head, now) {
            assert!(ttl > 0 && age.saturating_add(ttl) == head.lifetime.fresh_for);
        }
    }
    let answer = answer::answer(request, &head, Some(10));
    let mut out = Vec::new();
    answer::write_lines(&mut out, &head, &answer, Some(10), 0, None);
}
