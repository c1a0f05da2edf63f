//! Content codings (RFC 9110 §8.4.1): which ones a body has, and the body without them, within a limit.

mod coding;
mod decoder;

pub use coding::Coding;
pub use decoder::{DecodeError, Decoder};

/// The most codings that one body may have.
pub const MAX_CODINGS: usize = 4;

/// The value of `Accept-Encoding` that asks for no other coding.
pub const ACCEPTED: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

/// A coding is unknown, or there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body has a content coding that cannot be removed")]
pub struct UnknownCoding;

/// Adds the codings that a value of `Content-Encoding` lists, in the order in which they were applied.
///
/// # Errors
/// One cannot be removed.
pub fn add_codings(codings: &mut Vec<Coding>, value: &[u8]) -> Result<(), UnknownCoding> {
    for name in value.split(|&byte| byte == b',') {
        let name = name.trim_ascii();
        if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            continue;
        }
        if codings.len() >= MAX_CODINGS {
            return Err(UnknownCoding);
        }
        codings.push(Coding::of(name).ok_or(UnknownCoding)?);
    }
    Ok(())
}

/// Whether a coding of `Accept-Encoding`, with its parameters, can be removed.
pub fn is_accepted(coding: &[u8]) -> bool {
    let name = coding.split(|&byte| byte == b';').next();
    let name = name.unwrap_or_default().trim_ascii();
    name.eq_ignore_ascii_case(b"identity") || Coding::of(name).is_some()
}

/// Removes one coding.
///
/// # Errors
/// The bytes are malformed, end early, or expand to more than `most` bytes.
pub fn decode(coding: Coding, packed: &[u8], most: u64) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = Decoder::new(coding, most)?;
    let mut out = Vec::new();
    decoder.push(packed, &mut out)?;
    decoder.finish(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    pub(crate) fn pack(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        match coding {
            Coding::Gzip => {
                let mut to = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                to.write_all(bytes).unwrap();
                to.finish().unwrap()
            }
            Coding::Deflate => {
                let mut to = flate2::write::ZlibEncoder::new(Vec::new(), Default::default());
                to.write_all(bytes).unwrap();
                to.finish().unwrap()
            }
            Coding::Brotli => {
                let mut to = Vec::new();
                let mut from = bytes;
                let params = brotli::enc::BrotliEncoderParams {
                    quality: 3,
                    ..Default::default()
                };
                brotli::BrotliCompress(&mut from, &mut to, &params).unwrap();
                to
            }
            Coding::Zstd => zstd::bulk::compress(bytes, 1).unwrap(),
        }
    }

    const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

    #[test]
    fn a_bomb_is_stopped_at_its_limit() {
        let bytes = vec![0; 4 << 20];
        for coding in ALL {
            let packed = pack(coding, &bytes);
            assert_eq!(decode(coding, &packed, 4 << 20).unwrap().len(), 4 << 20);
            let stopped = decode(coding, &packed, (4 << 20) - 1);
            assert_eq!(stopped, Err(DecodeError::TooLarge), "{coding:?}");
        }
    }

    #[test]
    fn bodies_that_end_early_or_late_are_malformed() {
        for coding in ALL {
            let mut packed = pack(coding, b"hello, hello, hello");
            let short = &packed[..packed.len() - 1];
            let cut = decode(coding, short, 99);
            assert_eq!(cut, Err(DecodeError::Malformed), "{coding:?} cut");
            assert_eq!(decode(coding, b"", 99), Ok(Vec::new()), "{coding:?} empty");
            packed.extend_from_slice(b"behind");
            let more = decode(coding, &packed, 99);
            assert_eq!(more, Err(DecodeError::Malformed), "{coding:?} behind");
        }
    }

    #[test]
    fn members_of_gzip_and_frames_of_zstd_follow_one_another() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let packed = [pack(coding, b"one "), pack(coding, b"two")].concat();
            assert_eq!(decode(coding, &packed, 99).unwrap(), b"one two");
        }
    }

    #[test]
    fn deflate_is_read_with_and_without_its_wrapper() {
        let mut to = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        to.write_all(b"bare").unwrap();
        let bare = to.finish().unwrap();
        assert_eq!(decode(Coding::Deflate, &bare, 99).unwrap(), b"bare");
    }

    #[test]
    fn codings_are_listed_in_order_and_unknown_ones_are_refused() {
        let mut codings = Vec::new();
        add_codings(&mut codings, b"gzip , BR,identity").unwrap();
        add_codings(&mut codings, b"x-gzip").unwrap();
        assert_eq!(codings, [Coding::Gzip, Coding::Brotli, Coding::Gzip]);
        for value in ["compress", "dcb", "gzip,foo", "gzip, gzip"] {
            assert!(add_codings(&mut codings.clone(), value.as_bytes()).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_body_is_the_same_in_whatever_pieces_it_comes(
            bytes in prop::collection::vec(0_u8..4, 0..3000),
            cuts in prop::collection::vec(1_usize..200, 1..20),
            at in 0_usize..4,
        ) {
            let coding = ALL[at];
            let packed = pack(coding, &bytes);
            let mut decoder = Decoder::new(coding, 1 << 20).unwrap();
            let (mut out, mut from, mut cuts) = (Vec::new(), &packed[..], cuts.into_iter().cycle());
            while !from.is_empty() {
                let (piece, rest) = from.split_at(cuts.next().unwrap().min(from.len()));
                decoder.push(piece, &mut out).unwrap();
                from = rest;
            }
            decoder.finish(&mut out).unwrap();
            prop_assert_eq!(out, bytes);
        }

        #[test]
        fn a_damaged_body_is_the_same_in_whatever_pieces_it_comes(
            bytes in prop::collection::vec(0_u8..4, 1..300),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            cut in any::<prop::sample::Index>(),
            size in 1_usize..40,
            at in 0_usize..4,
        ) {
            let mut packed = pack(ALL[at], &bytes);
            for (place, value) in damage {
                let place = place.index(packed.len());
                packed[place] = value;
            }
            packed.truncate(cut.index(packed.len() * 2) + 1);
            let whole = decode(ALL[at], &packed, 1000);
            let mut decoder = Decoder::new(ALL[at], 1000).unwrap();
            let mut out = Vec::new();
            let mut in_pieces = packed.chunks(size).try_for_each(|piece| decoder.push(piece, &mut out));
            if in_pieces.is_ok() {
                in_pieces = decoder.finish(&mut out);
            }
            prop_assert_eq!(in_pieces.map(|()| out), whole);
        }

        #[test]
        fn no_bytes_panic_or_pass_the_limit(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            at in 0_usize..4,
        ) {
            if let Ok(out) = decode(ALL[at], &bytes, 1000) {
                prop_assert!(out.len() <= 1000);
            }
        }
    }
}
