//! Any legal message is the same message after HTTP/1 → HTTP/2 → HTTP/1, and its response on the way back: but for case of
//! names, reasons, chunks, fields of the connection, crumbs of cookies, and order across names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use privet_tests::backend::dechunk;
use privet_tests::{Backend, Privet, SiteClient, reserve};

use crate::support::config;

const MESSAGES: usize = 200;

/// Numbers from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % most
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn text(&mut self, letters: &[&str], most: usize) -> String {
        let length = self.below(most);
        (0..length).map(|_| self.pick(letters)).collect()
    }

    /// `X-` and any characters that a name may have.
    fn name(&mut self) -> String {
        let letters: Vec<&str> = "a B c D e 0 9 - _ . ! # $ % & ' * + ^ ` | ~"
            .split(' ')
            .collect();
        format!("X-q{}", self.text(&letters, 12))
    }

    fn value(&mut self) -> String {
        let letters = [
            "a", "Z", "0", ",", ";", "=", "\"", "\\", "(", ")", " ", "\t", "é", "ÿ", ":", "<",
        ];
        self.text(&letters, 60).trim_matches([' ', '\t']).to_owned()
    }

    fn fields(&mut self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        for _ in 0..self.below(8) {
            // Now and then a name that is there already.
            let again = all
                .last()
                .filter(|_| self.below(4) == 0)
                .map(|(name, _)| name.clone());
            let name = again.unwrap_or_else(|| self.name());
            all.push((name, self.value()));
        }
        all
    }
}

/// A message as it is written and read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Message {
    first: String,
    /// Values by name in lower case.
    fields: BTreeMap<String, Vec<String>>,
    body: Vec<u8>,
    trailers: BTreeMap<String, Vec<String>>,
}

fn by_name(fields: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in fields {
        all.entry(name.to_ascii_lowercase())
            .or_default()
            .push(value.clone());
    }
    all
}

fn lines(fields: &[(String, String)]) -> String {
    let line = |(name, value): &(String, String)| format!("{name}: {value}\r\n");
    fields.iter().map(line).collect()
}

/// Draws a message, and spells it in HTTP/1.1.
fn draw(dice: &mut Dice, first: &str, more: &str, may_have_body: bool) -> (Message, String) {
    let fields = dice.fields();
    let (mut body, mut trailers) = (String::new(), Vec::new());
    let mut text = format!("{first}\r\n{more}{}", lines(&fields));
    match dice.below(3) {
        _ if !may_have_body => text.push_str("\r\n"),
        0 => text.push_str("Content-Length: 0\r\n\r\n"),
        1 => {
            body = "0123456789".repeat(dice.below(5_000));
            text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        }
        _ => {
            text.push_str("Transfer-Encoding: chunked\r\n\r\n");
            for _ in 0..dice.below(6) {
                let piece = "abcdefg".repeat(1 + dice.below(2_000));
                text.push_str(&format!("{:x}\r\n{piece}\r\n", piece.len()));
                body.push_str(&piece);
            }
            trailers = dice.fields();
            text.push_str(&format!("0\r\n{}\r\n", lines(&trailers)));
        }
    }
    let message = Message {
        first: String::new(),
        fields: by_name(&fields),
        body: body.into_bytes(),
        trailers: by_name(&trailers),
    };
    (message, text)
}

/// What was received, without what the connection and the sites add.
fn received(head: &str, body: &[u8]) -> Message {
    let mut head_lines = head.trim_end_matches("\r\n").split("\r\n");
    let first = head_lines.next().unwrap_or_default().to_owned();
    let all: Vec<(String, String)> = head_lines.map(split_line).collect();
    let is_chunked = all
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    let ours = |(name, _): &&(String, String)| {
        let name = name.to_ascii_lowercase();
        name.starts_with("x-q") || name == "cookie" || name == "x-number"
    };
    let kept: Vec<_> = all.iter().filter(ours).cloned().collect();
    let (body, trailers) = match is_chunked {
        true => dechunk(body),
        false => (body.to_vec(), String::new()),
    };
    let trailers: Vec<_> = trailers
        .split("\r\n")
        .filter(|line| !line.is_empty())
        .map(split_line)
        .collect();
    Message {
        first,
        fields: by_name(&kept),
        body,
        trailers: by_name(&trailers),
    }
}

fn split_line(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?}"));
    (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
}

#[test]
fn a_legal_message_is_the_same_after_both_versions_and_back() {
    let given = std::env::var("PRIVET_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("after 1970");
        now.as_nanos() as u64 | 1
    });
    println!("PRIVET_SEED={seed}");
    let mut dice = Dice(seed);
    let next = Arc::new(Mutex::new(String::new()));
    let seen = Arc::new(Mutex::new(None));
    let (answer, got) = (next.clone(), seen.clone());
    let backend = Backend::answering(move |stream, head, body| {
        use std::io::Write;
        *got.lock().expect("no panic") = Some(received(head, body));
        stream.write_all(answer.lock().expect("no panic").as_bytes())
    });
    let (inner_listen, listen) = (reserve(), reserve());
    let _inner = Privet::start(&config(inner_listen, &[(backend.url(), 1)], "", ""));
    let outer = config(listen, &[(format!("h2c://{inner_listen}"), 1)], "", "");
    let _outer = Privet::start(&outer);
    let mut client = SiteClient::connect(listen, "app.test");
    for number in 0..MESSAGES {
        let method = dice.pick(&[
            "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE", "x!",
        ]);
        let letters = [
            "a", "Z", "9", "/", "_", "~", "!", "$", "'", "(", "*", "+", ",", ";", "=", ":", "@",
            "-", "%20",
        ];
        let path = format!(
            "/{}?{}",
            dice.text(&letters, 20).replace("//", "/"),
            dice.text(&letters, 20)
        );
        let first = format!("{method} {path} HTTP/1.1");
        let (mut request, text) = draw(
            &mut dice,
            &first,
            "Host: app.test\r\nCookie: a=b; c=d\r\n",
            method != "GET",
        );
        request.first = first;
        request
            .fields
            .insert("cookie".to_owned(), vec!["a=b; c=d".to_owned()]);

        let status = dice.pick(&["200", "201", "204", "304", "404", "410", "500"]);
        let may_have_body = !matches!(status, "204" | "304");
        let first = format!("HTTP/1.1 {status} Whatever");
        let (response, answer) = draw(
            &mut dice,
            &first,
            &format!("X-Number: {number}\r\n"),
            may_have_body,
        );
        *next.lock().expect("no panic") = answer;

        let answered = client.try_request(&text);
        let answered =
            answered.unwrap_or_else(|| panic!("message {number}: no answer to {text:?}"));
        let at_backend = seen.lock().expect("no panic").take();
        assert_eq!(
            at_backend,
            Some(request),
            "message {number}, request {text:?}"
        );
        let mut back = received(&answered.head, answered.body.as_bytes());
        assert_eq!(
            answered.status.to_string(),
            status,
            "message {number}: {}",
            answered.head
        );
        assert_eq!(
            back.fields.remove("x-number"),
            Some(vec![number.to_string()])
        );
        back.first.clear();
        assert_eq!(
            back,
            response,
            "message {number}, response {:?}",
            next.lock()
        );
    }
}
