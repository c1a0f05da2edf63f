//! A chunked body: any split gives the same body; a body written again is read back whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_http::body::chunked::{ChunkError, ChunkedDecoder, write_header};
use privet_http::body::trailers::write_end;

type Body = (Vec<u8>, usize, bool, Vec<u8>);

fn decode(bytes: &[u8], cuts: &[u8]) -> Result<Body, ChunkError> {
    let mut chunked = ChunkedDecoder::default();
    let mut body = Vec::new();
    let mut used = 0;
    for piece in privet_fuzz::pieces(bytes, cuts) {
        let mut piece = piece.to_vec();
        let found = chunked.decode(&mut piece)?;
        body.extend_from_slice(&piece[found.skip..found.skip + found.data]);
        used += found.used;
        if chunked.is_done() {
            break;
        }
    }
    Ok((body, used, chunked.is_done(), chunked.trailers().to_vec()))
}

fuzz_target!(|input: &[u8]| {
    // Four bytes determine how the rest is split.
    let Some((cuts, bytes)) = input.split_at_checked(4) else {
        return;
    };
    let at_once = decode(bytes, &[]);
    assert_eq!(at_once, decode(bytes, cuts));
    let Ok((body, _, true, trailers)) = at_once else {
        return;
    };
    let mut wire = Vec::new();
    if !body.is_empty() {
        write_header(&mut wire, body.len());
        wire.extend_from_slice(&body);
        wire.extend_from_slice(b"\r\n");
    }
    if write_end(&mut wire, &trailers).is_err() {
        return;
    }
    let (again, used, done, _) = decode(&wire, cuts).expect("well-formed");
    assert_eq!((again, used, done), (body, wire.len(), true));
});
