//! `Via` (RFC 9110 §7.6.3): this process's entry, and the detection of loops by it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use crate::head::{FieldKind, RequestHead};

/// "privet-" and eight random digits that differ per process: two gateways in a chain are not a loop.
static NAME: LazyLock<String> = LazyLock::new(|| {
    let dice = RandomState::new().build_hasher().finish();
    format!("privet-{:08x}", dice as u32)
});

/// This process's name in `Via`.
pub fn name() -> &'static str {
    &NAME
}

/// Whether a request passed this process before.
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
