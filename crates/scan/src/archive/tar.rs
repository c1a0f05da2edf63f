//! The members of a tar file (POSIX.1-1988 ustar, pax and GNU forms).

use super::member::{Member, malformed};
use super::zip;
use crate::limits::OverLimit;

const BLOCK: usize = 512;

/// Whether a zip file begins behind the last member.
pub fn is_followed_by_zip(bytes: &[u8]) -> bool {
    members(bytes, |_| Ok(())).is_ok_and(zip::has_directory)
}

/// Calls `visit` with each regular file. Returns what is behind the last one.
///
/// # Errors
/// The file is malformed, or `visit` says stop.
pub fn members<'a>(
    mut bytes: &'a [u8],
    mut visit: impl FnMut(Member<'a>) -> Result<(), OverLimit>,
) -> Result<&'a [u8], OverLimit> {
    while let Some((header, rest)) = bytes.split_at_checked(BLOCK) {
        if header.iter().all(|&byte| byte == 0) {
            return Ok(bytes);
        }
        if !checksum_fits(header) {
            return Err(malformed("a header's checksum"));
        }
        let size = number(header.get(124..136).unwrap_or_default())
            .and_then(|size| usize::try_from(size).ok())
            .ok_or(malformed("a member's size"))?;
        let kind = header.get(156).copied().unwrap_or_default();
        // Links, devices and folders have no data, whatever size they claim.
        let size = if matches!(kind, b'1'..=b'6') { 0 } else { size };
        let data = rest.get(..size).ok_or(malformed("it ends early"))?;
        match kind {
            0 | b'0' | b'7' => visit(Member::Stored(data))?,
            // A map of holes stands in front of the data.
            b'S' => visit(Member::Unknown)?,
            _ => {}
        }
        let padded = size.checked_next_multiple_of(BLOCK);
        bytes = padded.and_then(|end| rest.get(end..)).unwrap_or_default();
    }
    Ok(bytes)
}

fn checksum_fits(header: &[u8]) -> bool {
    let sum: u64 = header
        .iter()
        .enumerate()
        .map(|(at, &byte)| u64::from(if (148..156).contains(&at) { b' ' } else { byte }))
        .sum();
    number(header.get(148..156).unwrap_or_default()) == Some(sum)
}

/// Octal digits, or a big-endian number behind a first byte of 0x80 (GNU).
fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first == 0x80 {
        let (high, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
        let low: [u8; 8] = low.try_into().ok()?;
        return high
            .iter()
            .all(|&byte| byte == 0)
            .then(|| u64::from_be_bytes(low));
    }
    let text = field
        .split(|&byte| byte == 0)
        .next()
        .unwrap_or_default()
        .trim_ascii();
    text.iter().try_fold(0_u64, |sum, &byte| {
        let digit = (byte as char).to_digit(8)?;
        sum.checked_mul(8)?.checked_add(digit.into())
    })
}
