//! Bodies of parts. A media type, a line feed, then the body. No input panics; a part is a piece of the body; what is visited
//! stays within the limits of the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_scan::Limits;
use privet_scan::archive::multipart::{boundaries, own_boundary, parts};
use privet_scan::unpack::{Stop, Visitor, visit};

struct Objects {
    visited: u64,
    most: u64,
}

impl Visitor for Objects {
    fn object(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.visited += 1;
        assert!(bytes.len() as u64 <= self.most);
        Ok(())
    }
}

fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|&byte| byte == b'\n');
    let (media_type, body) = input.split_at(at.unwrap_or(0));
    let named = boundaries(&String::from_utf8_lossy(media_type));
    assert!(named.len() <= 4);
    let all = named.iter().map(String::as_bytes).chain(own_boundary(body));
    for boundary in all {
        let Ok(parts) = parts(body, boundary, 100) else {
            continue;
        };
        let held: usize = parts.iter().map(|part| part.content.len()).sum();
        assert!(held <= body.len());
        for part in parts {
            let _ = part.decoded();
        }
    }
    let limits = Limits {
        bytes: 1 << 20,
        members: 100,
        ..Limits::default()
    };
    let mut objects = Objects {
        visited: 0,
        most: (1 << 20) + body.len() as u64,
    };
    let _ = visit(body, &named, &limits, &mut objects);
    assert!(objects.visited <= 1 + 2 * 101 + 200);
});
