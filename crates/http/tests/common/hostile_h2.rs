//! The corpus of hostile heads as HTTP/2 says it: raw frames, so that no library refuses to write them.

/// One frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn string(block: &mut Vec<u8>, text: &[u8]) {
    if text.len() < 127 {
        block.push(text.len() as u8);
    } else {
        block.push(127);
        let mut left = text.len() - 127;
        while left >= 128 {
            block.push(left as u8 | 128);
            left >>= 7;
        }
        block.push(left as u8);
    }
    block.extend(text);
}

/// A field without any table.
fn field(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0);
    string(block, name);
    string(block, value);
}

/// The preface, the client's settings, and the request of a head in HTTP/1 on stream 1, without a body. `authority`: in the
/// place of the corpus's own host. `None`: HTTP/2 has no form for the head.
pub fn request(head: &[u8], authority: &str) -> Option<Vec<u8>> {
    let end = head.windows(2).position(|pair| pair == b"\r\n")?;
    let line = head.get(..end)?;
    let method_end = line.iter().position(|byte| *byte == b' ')?;
    let target_end = line.iter().rposition(|byte| *byte == b' ')?;
    let (method, target) = (
        line.get(..method_end)?,
        line.get(method_end + 1..target_end)?,
    );
    let path = match target.strip_prefix(b"http://127.0.0.1:PORT") {
        Some(path) => path,
        None => target,
    };
    let mut block = Vec::new();
    field(&mut block, b":method", method);
    field(&mut block, b":scheme", b"http");
    field(&mut block, b":authority", authority.as_bytes());
    field(&mut block, b":path", path);
    let mut rest = head.get(end + 2..)?;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let line = rest.get(..end)?;
        rest = rest.get(end + 2..)?;
        if line.is_empty() {
            break;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let name = line.get(..colon)?.to_ascii_lowercase();
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if name != b"host" || value != b"x" {
            field(&mut block, &name, value);
        }
    }
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    out.extend(frame(4, 0, 0, b""));
    let pieces: Vec<&[u8]> = block.chunks(16_000).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let last = if at + 1 == pieces.len() { 4 } else { 0 };
        let (kind, flags) = if at == 0 { (1, 1 | last) } else { (9, last) };
        out.extend(frame(kind, flags, 1, piece));
    }
    Some(out)
}

/// Whether the server's frames end the request: a response's last frame, a reset, or the end of the connection.
pub fn is_answered(mut frames: &[u8]) -> bool {
    while let [a, b, c, kind, flags, _, _, _, stream, rest @ ..] = frames {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let ends = matches!(kind, 0 | 1) && flags & 1 == 1 && *stream == 1;
        if rest.len() >= length && (ends || matches!(kind, 3 | 7)) {
            return true;
        }
        frames = rest.get(length..).unwrap_or_default();
    }
    false
}
