//! Shows one line of a list's source.

use super::line::split_lines;

/// The longest text that [`line_text`] returns, in characters.
pub const MAX_SHOWN: usize = 300;

/// Line `line` (from 1) of a source, with control characters replaced, cut at [`MAX_SHOWN`] characters. A list keeps only line
/// numbers, so that showing a line means reading the source again.
pub fn line_text(source: &[u8], line: u32) -> Option<String> {
    let at = usize::try_from(line).ok()?.checked_sub(1)?;
    let bytes = split_lines(source).nth(at)?;
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(4 * MAX_SHOWN))?);
    let shown = text.trim().chars().take(MAX_SHOWN);
    Some(
        shown
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect(),
    )
}
