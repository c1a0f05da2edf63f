//! What these tests share: a proxy that scans by one rule, origins, and clients.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use privet_tests::backend::reply;
use privet_tests::client::{CommandOutput, curl};
use privet_tests::peers::write;
use privet_tests::{Backend, Privet, reserve};
use serde_json::Value;
use tempfile::TempDir;

/// What the rule matches.
pub const PAYLOAD: &str = "the payload of the test";
pub const RULE: &str =
    "rule TestPayload { strings: $a = \"the payload of the test\" condition: $a }\n";

/// A proxy that scans, and the folder with its rules.
pub struct Scanning {
    pub privet: Privet,
    pub folder: TempDir,
}

impl Scanning {
    /// `keys`: further keys of `[scan]`, then other sections.
    pub fn start(keys: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(folder.path(), "test.yar", RULE);
        let rules = folder.path().join("*.yar");
        let privet = Privet::start(&format!(
            "[scan]\nenabled = true\nrules = [\"{}\"]\n{keys}",
            rules.display()
        ));
        Self { privet, folder }
    }

    /// curl through the proxy. Prints the body, then status and bytes on a line of their own.
    pub fn curl(&self, url: &str, args: &[&str]) -> CommandOutput {
        let proxy = format!("http://{}", self.privet.proxy());
        let out = [
            "-s",
            "-x",
            &proxy,
            "-w",
            "\n%{http_code} %{size_download}",
            url,
        ];
        curl(&[&out, args].concat())
    }

    /// The newest row of the request with this path, once it is there.
    pub fn row(&self, path: &str) -> Value {
        let path = path.to_owned();
        let mut found = Value::Null;
        privet_tests::wait::until("the request's row", || {
            let rows = self.privet.json(&["requests", "--sort=-started"]);
            let rows = rows["rows"].as_array().cloned().unwrap_or_default();
            let row = rows
                .into_iter()
                .find(|row| row["url"].as_str().is_some_and(|url| url.ends_with(&path)));
            found = row.unwrap_or_default();
            !found.is_null()
        });
        found
    }
}

/// A site at this address, whose backend's bodies are scanned in both directions.
pub fn site_before(backend: &str) -> (Scanning, SocketAddr) {
    let listen = reserve();
    let scanning = Scanning::start(&format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\"]\n\
         [[site.backend]]\nurl = \"{backend}\"\n"
    ));
    (scanning, listen)
}

/// The words of the proxy's page that stopped a body.
#[track_caller]
pub fn assert_stopped(output: &CommandOutput, rule: &str) {
    assert!(output.out.contains("was not passed on"), "{output:?}");
    assert!(output.out.contains(rule), "{output:?}");
    assert!(output.out.contains("SHA-256"), "{output:?}");
    assert!(output.out.contains("\n403 "), "{output:?}");
}

/// An origin of files: `/clean/N` has N bytes, `/bad` the payload, `/bad/N` the payload at the end of N bytes; further paths by
/// `more`, which gives field lines and a body.
pub fn origin(
    more: impl Fn(&str) -> Option<(&'static str, Vec<u8>)> + Send + Sync + 'static,
) -> Backend {
    Backend::answering(move |stream, head, _| {
        let target = head.split(' ').nth(1).unwrap_or_default();
        let mut parts = target.trim_start_matches('/').split('/');
        let (kind, size) = (parts.next().unwrap_or_default(), parts.next());
        let size = size.and_then(|size| size.parse().ok());
        match more(target) {
            Some((fields, body)) => reply(stream, "200 OK", fields, &body),
            None if kind == "bad" => reply(stream, "200 OK", BINARY, &bad(size.unwrap_or(0))),
            None => reply(stream, "200 OK", BINARY, &clean(size.unwrap_or(20))),
        }
    })
}

pub const BINARY: &str = "Content-Type: application/octet-stream\r\n";

pub fn clean(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| b"0123456789abcdef"[(at / 7) % 16])
        .collect()
}

/// At least the payload, which stands at the end.
pub fn bad(size: usize) -> Vec<u8> {
    let mut body = clean(size.saturating_sub(PAYLOAD.len()));
    body.extend_from_slice(PAYLOAD.as_bytes());
    body
}

/// A file in a zip file, made by Python.
pub fn zipped(name: &str, body: &[u8]) -> Vec<u8> {
    run_python(
        "import sys, io, zipfile\nout = io.BytesIO()\n\
         z = zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED)\nz.writestr(sys.argv[1], sys.stdin.buffer.read())\nz.close()\n\
         sys.stdout.buffer.write(out.getvalue())",
        name,
        body,
    )
}

/// A body in gzip, made by Python.
pub fn gzipped(body: &[u8]) -> Vec<u8> {
    let script =
        "import sys, gzip\nsys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read()))";
    run_python(script, "", body)
}

fn run_python(script: &str, argument: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("python3")
        .args(["-c", script, argument])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let mut to = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || to.write_all(&input));
    let output = child.wait_with_output().expect("python3 ends");
    writer
        .join()
        .expect("the writer ends")
        .expect("python3 reads");
    assert!(output.status.success());
    output.stdout
}

/// Sends the head of an answer of chunks.
pub fn start_chunks(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
}

pub fn chunk(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\r\n")
}
