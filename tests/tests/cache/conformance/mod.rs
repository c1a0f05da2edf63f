//! Behaviour that the standards ask of a cache or allow it, one short history each, through a site with a cache.
//!
//! A step is a request, what the origin answers should it be asked, and what has to be seen. The parts of each are between
//! bars. What a response's age makes stale needs no waiting.

mod freshness;
mod hostile;
mod invalidation;
mod ranges;
mod storing;
mod validation;
mod vary;

use std::collections::HashMap;
use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};

use privet_tests::backend::{SiteAnswer, dechunk};
use privet_tests::client::{connect, read_head};
use privet_tests::{Backend, Privet, SiteClient, reserve};

/// `(request, response of the origin, what is seen)`.
type Step = (&'static str, &'static str, &'static str);

/// Names and steps.
type Histories = &'static [(&'static str, &'static [Step])];

const HOUR: &str = "200 | Cache-Control: max-age=3600";
const STALE: &str = "200 | Cache-Control: max-age=10 | Age: 20 | ETag: \"v1\"";
const NONE: &str = "";
/// The origin closes the connection instead of answering.
const CLOSES: &str = "closes";
/// What the origin answers next for each path, and the heads that it got.
#[derive(Default)]
struct Script {
    next: HashMap<String, (usize, String)>,
    heads: Vec<String>,
}

struct Place {
    _privet: Privet,
    listen: SocketAddr,
    script: Arc<Mutex<Script>>,
    _origin: Backend,
}

const WORDS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// The response that a step describes, as bytes.
fn response(text: &str, path: &str, number: usize, method: &str) -> String {
    let mut out = String::new();
    for text in text.split(" + ") {
        let (head, body) = match text.split_once(" > ") {
            Some((head, body)) => (head, body.to_owned()),
            None => (text, WORDS[number].to_owned()),
        };
        let mut parts = head.split(" | ");
        let status = parts.next().expect("a status");
        out += &format!("HTTP/1.1 {status} x\r\n");
        for field in parts {
            out += &format!("{}\r\n", field.replace("SELF", path));
        }
        // Its body ends with the connection.
        let ends_by_close = head.contains("Transfer-Encoding");
        let has_body = !status.starts_with('1') && status != "304";
        if has_body && !ends_by_close && !head.contains("Content-Length") {
            out += &format!("Content-Length: {}\r\n", body.len());
        }
        out += "\r\n";
        if has_body && method != "HEAD" {
            out += &body;
        }
    }
    out
}

impl Place {
    fn start() -> Self {
        let script: Arc<Mutex<Script>> = Arc::default();
        let played = script.clone();
        let origin = Backend::answering(move |stream, head, _| {
            let mut line = head.split(' ');
            let method = line.next().expect("a method");
            let target = line.next().expect("a target");
            let path = target.split('?').next().expect("a path");
            let mut script = played.lock().expect("no panic");
            script.heads.push(head.to_owned());
            let (number, next) = script.next.get(path).cloned().expect("a script");
            drop(script);
            // What another URL names is the one under test.
            let own = path.strip_suffix("/other").unwrap_or(path);
            if next == CLOSES {
                return stream.shutdown(Shutdown::Both);
            }
            let bytes = response(&next, own, number, method);
            stream.write_all(bytes.as_bytes())?;
            match next.contains("Transfer-Encoding") {
                true => stream.shutdown(Shutdown::Both),
                false => Ok(()),
            }
        });
        let listen = reserve();
        let privet = Privet::start(&format!(
            "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\"]\ncache = true\n\
             [[site.backend]]\nurl = \"{}\"\n",
            origin.url()
        ));
        Self {
            _privet: privet,
            listen,
            script,
            _origin: origin,
        }
    }

    /// Sends a step's request. Gives the answer, and the heads that the origin got for it.
    fn send(&self, ask: &str, path: &str) -> SiteAnswer {
        let mut parts = ask.split(" | ");
        let mut line = parts.next().expect("a method").split(' ');
        let method = line.next().expect("a method");
        let rest = line.next().unwrap_or_default();
        let mut text = format!("{method} {path}{rest} HTTP/1.1\r\nHost: app.test\r\n");
        for field in parts {
            text += &format!("{field}\r\n");
        }
        if matches!(method, "POST" | "PUT") {
            text += "Content-Length: 2\r\n\r\nhi";
        } else {
            text += "\r\n";
        }
        if method == "HEAD" {
            return self.head(&text);
        }
        let mut answer = SiteClient::connect(self.listen, "app.test").request(&text);
        // A length that is not known yet when the head leaves.
        if answer.field("Transfer-Encoding").is_some() {
            let (body, _) = dechunk(answer.body.as_bytes());
            answer.body = String::from_utf8(body).expect("text");
        }
        answer
    }

    /// The answer to a HEAD, which announces a body that does not follow.
    fn head(&self, text: &str) -> SiteAnswer {
        let mut stream = connect(self.listen);
        stream.write_all(text.as_bytes()).expect("open");
        let head = read_head(&mut stream);
        let status = head.split(' ').nth(1).expect("a status");
        SiteAnswer {
            status: status.parse().expect("a number"),
            head,
            body: String::new(),
        }
    }

    /// Plays a history, and gives what was not as it should be.
    fn play(&self, path: &str, steps: &[Step]) -> Result<(), String> {
        let mut asked = 0;
        for (at, (ask, reply, wanted)) in steps.iter().enumerate() {
            {
                let mut script = self.script.lock().expect("no panic");
                script.heads.clear();
                for place in ["", "/other"] {
                    let next = (asked, (*reply).to_owned());
                    script.next.insert(format!("{path}{place}"), next);
                }
            }
            let answer = self.send(ask, path);
            let heads = self.script.lock().expect("no panic").heads.clone();
            // A refresh that an earlier history caused may come late.
            let sent = heads
                .iter()
                .map(String::as_str)
                .find(|head| is_for(head, path));
            check(wanted, &answer, sent)
                .map_err(|why| format!("step {at} ({ask}): {why}\n{}", answer.head))?;
            asked += usize::from(wanted.starts_with("asked"));
        }
        Ok(())
    }
}

/// Whether a request's head asks for this path, whatever its query, or for the other URL beside it.
fn is_for(head: &str, path: &str) -> bool {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let asked = target.split('?').next().unwrap_or_default();
    asked.strip_suffix("/other").unwrap_or(asked) == path
}

fn check(wanted: &str, answer: &SiteAnswer, sent: Option<&str>) -> Result<(), String> {
    let mut parts = wanted.split(" | ");
    let kind = parts.next().expect("a kind");
    let fits = match kind {
        "asked" => sent.is_some(),
        "stored" => sent.is_none(),
        // It may have been asked already, or not yet.
        _ => true,
    };
    if !fits {
        return Err(format!("it is not {kind}"));
    }
    let field = |head: &str, name: &str| privet_tests::origin::field(head, name).map(str::to_owned);
    for part in parts {
        let holds = if let Some(body) = part.strip_prefix('=') {
            answer.body == body
        } else if let Some(name) = part.strip_prefix(">-") {
            field(sent.unwrap_or_default(), name).is_none()
        } else if let Some(line) = part.strip_prefix('>') {
            let (name, value) = line.split_once(": ").expect("a field");
            field(sent.unwrap_or_default(), name).as_deref() == Some(value)
        } else if let Some(name) = part.strip_prefix('-') {
            answer.field(name).is_none()
        } else if let Some((name, value)) = part.split_once(": ") {
            let found = answer.field(name);
            found.is_some_and(|found| value == "*" || found == value)
        } else if let Ok(status) = part.parse::<u16>() {
            answer.status == status
        } else {
            answer.body == part
        };
        if !holds {
            return Err(format!(
                "{part} does not hold: {:?}, sent: {sent:?}",
                answer.body
            ));
        }
    }
    let has_status = wanted.split(" | ").any(|part| part.parse::<u16>().is_ok());
    match has_status || answer.status == 200 {
        true => Ok(()),
        false => Err(format!("the status is {}", answer.status)),
    }
}

#[track_caller]
fn play_all(histories: Histories) {
    play_each(histories.iter().copied());
}

#[track_caller]
fn play_each<'a>(histories: impl Iterator<Item = (&'a str, &'a [Step])>) {
    let place = Place::start();
    let failed: Vec<String> = histories
        .enumerate()
        .filter_map(|(at, (name, steps))| {
            let played = place.play(&format!("/{at}"), steps);
            played.err().map(|why| format!("{name}: {why}"))
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn responses_are_stored_as_rfc_9111_says() {
    play_all(storing::STORING);
}

#[test]
fn freshness_is_calculated_as_rfc_9111_says() {
    play_all(freshness::FRESHNESS);
}

#[test]
fn responses_are_validated_as_rfc_9111_says() {
    play_all(validation::VALIDATION);
}

#[test]
fn requests_share_a_response_as_vary_says() {
    play_all(vary::VARY);
}

#[test]
fn changes_invalidate_stored_responses() {
    play_all(invalidation::INVALIDATION);
}

#[test]
fn planted_responses_reach_nobody_else() {
    play_all(hostile::HOSTILE);
}

#[test]
fn fields_that_name_another_target_or_method_plant_nothing() {
    let histories = hostile::fields();
    let each = histories.iter();
    play_each(each.map(|(name, steps)| (name.as_str(), steps.as_slice())));
}

#[test]
fn parts_are_stored_and_combined() {
    play_all(ranges::RANGES);
}
