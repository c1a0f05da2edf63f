//! Controls the built window by WebDriver (W3C) through tauri-driver and WebKitWebDriver.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::privet::{binary, pause};
use crate::process::{Running, program};
use crate::screen::Screen;
use crate::skip::missing;
use crate::{TIMEOUT, await_port, reserve};

/// The key of an element's id in a response (WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// tauri-driver, with the driver of the web view behind it.
pub struct Driver {
    _running: Running,
    address: SocketAddr,
}

/// A window under control, closed on drop.
pub struct Window<'a> {
    driver: &'a Driver,
    session: String,
}

/// The built `privet-desktop` beside `privet`; `None`, reported as skipped, where it is not built.
pub fn desktop_binary() -> Option<PathBuf> {
    let found = binary().with_file_name("privet-desktop");
    if found.is_file() {
        return Some(found);
    }
    missing("privet-desktop is not built: cargo build -p privet-desktop");
    None
}

fn tauri_driver() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("PRIVET_TAURI_DRIVER") {
        return Some(given.into());
    }
    let here = std::env::current_exe().expect("the path of this test is known");
    let beside = here
        .ancestors()
        .map(|folder| folder.join("tools/bin/tauri-driver"))
        .find(|file| file.is_file());
    beside.or_else(|| program("tauri-driver"))
}

impl Driver {
    /// Starts it in that session; `None`, reported as skipped, where it is not installed. `env` overrides the session's variables.
    pub fn start(screen: &Screen, env: &[(&str, &str)]) -> Option<Self> {
        let native = program("WebKitWebDriver")?;
        let driver = tauri_driver()?;
        let (address, behind) = (reserve(), reserve());
        let mut command = Command::new(driver);
        command
            .args(["--port", &address.port().to_string()])
            .args(["--native-port", &behind.port().to_string()])
            .arg("--native-driver")
            .arg(native)
            .envs(screen.env())
            .envs(env.iter().copied());
        let running = Running::start("tauri-driver", command);
        await_port(address, "tauri-driver");
        await_port(behind, "WebKitWebDriver");
        Some(Self {
            _running: running,
            address,
        })
    }

    /// Opens the window with these arguments.
    pub fn open(&self, application: &Path, args: &[String]) -> Window<'_> {
        let options = json!({ "application": application, "args": args });
        let body = json!({ "capabilities": { "alwaysMatch": { "tauri:options": options } } });
        let answer = self.ask("POST", "/session", Some(&body));
        let session = answer["sessionId"].as_str();
        Window {
            driver: self,
            session: session
                .unwrap_or_else(|| panic!("no session: {answer}"))
                .to_owned(),
        }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.exchange(method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer:#}");
        answer
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map_or_else(String::new, Value::to_string);
        let mut reply = self.send(method, path, &body);
        // It reuses connections to the driver behind it, and sends no reply where that one had just closed its own.
        if reply.is_empty() {
            reply = self.send(method, path, &body);
        }
        let status = reply.split(' ').nth(1).and_then(|code| code.parse().ok());
        let (start, end) = (reply.find('{'), reply.rfind('}'));
        let text = start
            .zip(end)
            .and_then(|(start, end)| reply.get(start..=end));
        let answer: Value = serde_json::from_str(text.unwrap_or("null"))
            .unwrap_or_else(|error| panic!("{error}: {reply}"));
        let status = status.unwrap_or_else(|| panic!("{method} {path}: {reply:?}"));
        (status, answer["value"].clone())
    }

    fn send(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the driver listens");
        stream
            .set_read_timeout(Some(TIMEOUT))
            .expect("a socket takes a timeout");
        stream.write_all(format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.address,
            body.len()
        ).as_bytes())
        .expect("the driver takes a request");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("the driver answers");
        String::from_utf8_lossy(&reply).into_owned()
    }
}

impl Window<'_> {
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{path}", self.session);
        let body = (method == "POST").then_some(body);
        self.driver.ask(method, &path, body)
    }

    /// Runs a script in the page and returns its result.
    pub fn script(&self, script: &str, args: &[Value]) -> Value {
        let body = json!({ "script": script, "args": args });
        self.ask("POST", "execute/sync", &body)
    }

    /// The page's title.
    pub fn title(&self) -> String {
        let title = self.script("return document.title", &[]);
        title.as_str().unwrap_or_default().to_owned()
    }

    /// The text of the page.
    pub fn text(&self) -> String {
        let text = self.script("return document.body.innerText", &[]);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script until its result is neither null, false nor empty. Returns the result.
    #[track_caller]
    pub fn await_script(&self, what: &str, script: &str, args: &[Value]) -> Value {
        let start = Instant::now();
        loop {
            let found = self.script(script, args);
            if !matches!(&found, Value::Null | Value::Bool(false)) && found != json!("") {
                return found;
            }
            assert!(
                start.elapsed() < TIMEOUT,
                "never {what}; the text of the page:\n{}",
                self.text()
            );
            pause();
        }
    }

    /// Returns once the page contains this text.
    #[track_caller]
    pub fn await_text(&self, text: &str) {
        self.await_script(
            text,
            "return document.body.innerText.includes(arguments[0])",
            &[json!(text)],
        );
    }

    #[track_caller]
    pub fn await_title(&self, text: &str) {
        self.await_script(
            text,
            "return document.title.includes(arguments[0])",
            &[json!(text)],
        );
    }

    /// Clicks with the mouse on the first element of this selector whose text or label begins with `args`.
    #[track_caller]
    pub fn click(&self, css: &str, args: &str) {
        let script = "return [...document.querySelectorAll(arguments[0])].find((found) => \
                      [found.innerText, found.getAttribute('aria-label')].some((text) => \
                      (text ?? '').trim().startsWith(arguments[1])) && found.getClientRects().length > 0)";
        let found = self.await_script(
            &format!("{css} {args:?}"),
            script,
            &[json!(css), json!(args)],
        );
        let id = found[ELEMENT].as_str();
        let id = id.unwrap_or_else(|| panic!("no element: {found}"));
        self.ask("POST", &format!("element/{id}/click"), &json!({}));
    }

    /// Types into the focused element; special keys are characters from U+E000 on (WebDriver, section 17.4.2).
    pub fn keys(&self, text: &str) {
        let focus = self.ask("GET", "element/active", &Value::Null);
        let id = focus[ELEMENT].as_str().expect("something has the focus");
        self.ask(
            "POST",
            &format!("element/{id}/value"),
            &json!({ "text": text }),
        );
    }

    pub fn minimize(&self) {
        self.ask("POST", "window/minimize", &json!({}));
    }

    /// Writes a screenshot as a PNG file, where `PRIVET_SHOTS` names a folder.
    pub fn shot(&self, name: &str) {
        let Some(folder) = std::env::var_os("PRIVET_SHOTS") else {
            return;
        };
        let picture = self.ask("GET", "screenshot", &Value::Null);
        let bytes = base64(picture.as_str().unwrap_or_default());
        let file = Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(file, bytes).expect("the folder takes a picture");
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        let path = format!("/session/{}", self.session);
        // A closed window has no session.
        if TcpStream::connect(self.driver.address).is_ok() {
            let _ = self.driver.exchange("DELETE", &path, None);
        }
    }
}

/// RFC 4648 section 4; other characters are skipped.
fn base64(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}
