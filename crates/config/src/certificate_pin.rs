//! The text of a certificate pin: hexadecimal digits for a certificate, `sha256//BASE64` for a public key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::CertificatePin;

/// As curl's `--pinnedpubkey` writes it.
const PUBLIC_KEY: &str = "sha256//";

impl CertificatePin {
    /// Colons between hexadecimal digits are skipped.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(encoded) = text.strip_prefix(PUBLIC_KEY) {
            let digest = STANDARD.decode(encoded).ok()?;
            return Some(Self::PublicKey(digest.try_into().ok()?));
        }
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let mut digest = [0; 32];
        if digits.len() != 2 * digest.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self::Certificate(digest))
    }
}

impl fmt::Display for CertificatePin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(digest) => digest.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::PublicKey(digest) => write!(f, "{PUBLIC_KEY}{}", STANDARD.encode(digest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_in_both_forms_and_written_again() {
        let hex = "00ff".repeat(16);
        let colons = vec!["00:FF"; 16].join(":");
        let key = format!("sha256//{}", STANDARD.encode([7; 32]));
        for (text, written) in [
            (hex.as_str(), Some(hex.as_str())),
            (&colons, Some(&hex)),
            (&key, Some(&key)),
            ("", None),
            ("00ff", None),
            ("sha256//", None),
            ("sha256//AAAA", None),
            (&"zz".repeat(32), None),
            (&"é".repeat(32), None),
        ] {
            let pin = CertificatePin::parse(text).map(|pin| pin.to_string());
            assert_eq!(pin.as_deref(), written, "{text}");
        }
    }
}
