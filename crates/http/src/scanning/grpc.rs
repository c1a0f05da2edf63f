//! The messages of a gRPC stream: a byte that says whether it is compressed, four of its length, then the message.

use super::fault::ScanFault;

const PREFIX: usize = 5;

/// One whole message.
pub struct Frame<'a> {
    /// The message with its prefix.
    pub len: usize,
    pub compressed: bool,
    pub message: &'a [u8],
}

/// The message at the start; `None`: it is incomplete.
pub fn frame(bytes: &[u8], max_message: u64) -> Result<Option<Frame<'_>>, ScanFault> {
    let compressed = match bytes.first() {
        None => return Ok(None),
        Some(0) => false,
        Some(1) => true,
        Some(_) => return Err(ScanFault::NotMessages),
    };
    let Some(&[_, a, b, c, d]) = bytes.get(..PREFIX) else {
        return Ok(None);
    };
    let len = u32::from_be_bytes([a, b, c, d]);
    if u64::from(len) > max_message {
        return Err(ScanFault::Oversize);
    }
    let end = usize::try_from(len).map_err(|_| ScanFault::Oversize)? + PREFIX;
    Ok(bytes.get(PREFIX..end).map(|message| Frame {
        len: end,
        compressed,
        message,
    }))
}

/// The length of the complete messages at the start.
pub fn check(bytes: &[u8], max_message: u64) -> Result<usize, ScanFault> {
    let mut used = 0;
    while let Some(next) = frame(bytes.get(used..).unwrap_or_default(), max_message)? {
        used += next.len;
    }
    Ok(used)
}
