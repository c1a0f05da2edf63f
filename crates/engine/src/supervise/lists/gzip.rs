//! Texts of lists that are compressed with gzip (RFC 1952): by the server, or as files.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use privet_policy::list::MAX_LIST;

/// The first bytes of every gzip file.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

pub(super) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// The text of a body; one that is not compressed is returned as it is.
///
/// # Errors
/// A broken stream, or more than [`MAX_LIST`] bytes of text.
pub(super) fn decompress(bytes: Bytes) -> io::Result<Bytes> {
    if !is_gzip(&bytes) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    MultiGzDecoder::new(&bytes[..])
        .take(MAX_LIST + 1)
        .read_to_end(&mut text)?;
    match text.len() as u64 > MAX_LIST {
        true => Err(io::Error::other(format!(
            "it is larger than {} MiB when unpacked",
            MAX_LIST >> 20
        ))),
        false => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_packed_text_is_unpacked_within_its_bound() {
        let plain = Bytes::from_static(b"a.test\n");
        assert_eq!(decompress(plain.clone()).unwrap(), plain);
        let two = [packed(b"a.test\n"), packed(b"b.test\n")].concat();
        assert_eq!(decompress(two.into()).unwrap(), "a.test\nb.test\n");
        assert!(decompress(Bytes::from_static(b"\x1f\x8b\x08\x00")).is_err());
        let bomb = packed(&vec![b'\n'; MAX_LIST as usize + 1]);
        assert!(decompress(bomb.into()).is_err());
    }
}
