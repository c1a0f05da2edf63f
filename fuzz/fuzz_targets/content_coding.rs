//! Bodies in content codings. The first byte chooses the coding. No input panics or expands beyond its limit, and a body is the
//! same in whatever pieces it comes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_scan::decode::{Coding, Decoder, add_codings, decode, is_accepted};

const MOST: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let _ = (add_codings(&mut Vec::new(), bytes), is_accepted(bytes));
    let Some((&choice, packed)) = bytes.split_first() else {
        return;
    };
    let all = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
    let coding = all[usize::from(choice) % all.len()];
    let whole = decode(coding, packed, MOST);
    let Ok(whole) = whole else {
        return;
    };
    assert!(whole.len() as u64 <= MOST);
    let mut decoder = Decoder::new(coding, MOST).expect("it was made before");
    let mut out = Vec::new();
    for piece in packed.chunks(1 + usize::from(choice >> 2)) {
        decoder
            .push(piece, &mut out)
            .expect("the pieces are those of the whole");
    }
    decoder.finish(&mut out).expect("the whole ended");
    assert!(out == whole);
});
