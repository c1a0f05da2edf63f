//! `Via` (RFC 9110 §7.6.3): our name in it, and the sight of it in a request that went round in a circle.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use crate::head::{FieldKind, RequestHead};

/// "privet-" and eight random digits, another in each process: two gateways in a chain are no loop.
static NAME: LazyLock<String> = LazyLock::new(|| {
    let dice = RandomState::new().build_hasher().finish();
    format!("privet-{:08x}", dice as u32)
});

/// What stands in `Via` for this process.
pub fn name() -> &'static str {
    &NAME
}

/// Whether a request already passed this process.
pub fn has_passed_here(head: &RequestHead, buffer: &[u8]) -> bool {
    let ours = name().as_bytes();
    head.fields
        .iter()
        .filter(|field| field.kind == FieldKind::Via)
        .any(|field| {
            let value = field.value.of_buffer(buffer);
            value.windows(ours.len()).any(|piece| piece == ours)
        })
}

pub(super) fn write(out: &mut Vec<u8>) {
    out.extend_from_slice(b"Via: 1.1 ");
    out.extend_from_slice(name().as_bytes());
    out.extend_from_slice(b"\r\n");
}
