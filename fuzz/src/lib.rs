//! Shared by the targets: splits bytes into pieces, as a socket may deliver them.

/// Cuts `data` into pieces whose lengths are taken from `cuts`, used in a cycle; no piece is empty.
/// With it a target shows that a parser gives the same answer however its input arrives.
pub fn pieces<'a>(mut data: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut lengths = cuts.iter().copied().cycle();
    let mut out = Vec::new();
    while !data.is_empty() {
        let len = usize::from(lengths.next().unwrap_or(u8::MAX)).clamp(1, data.len());
        let (head, rest) = data.split_at(len);
        out.push(head);
        data = rest;
    }
    out
}
