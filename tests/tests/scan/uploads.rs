//! Bodies from clients.

use privet_tests::Backend;

use crate::support::*;

#[test]
fn an_upload_is_judged_before_its_body_reaches_the_origin() {
    let origin = origin(|_| None);
    let scanning = Scanning::start("");
    let url = format!("{}/upload", origin.url());
    let clean = scanning.curl(&url, &["-d", "nothing to see"]).good();
    assert!(clean.ends_with("\n200 20"), "{clean}");
    let bad = scanning.curl(&url, &["-d", PAYLOAD]);
    assert_stopped(&bad, "TestPayload");
    // The origin has read no second request to its end.
    assert_eq!(origin.requests(), 1);
    let row = scanning.row("/upload");
    assert_eq!(
        (row["method"].as_str(), row["scan"].as_str()),
        (Some("POST"), Some("bad"))
    );
}

#[test]
fn an_upload_of_chunks_with_expect_is_judged() {
    let origin = origin(|_| None);
    let scanning = Scanning::start("");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("{}/upload", origin.url());
    for (body, wanted) in [(clean(3 << 20), "200 20"), (bad(3 << 20), "403 ")] {
        let file = folder.path().join("file");
        std::fs::write(&file, body).expect("the folder takes a file");
        let file = format!("@{}", file.display());
        let args = [
            "--data-binary",
            &file,
            "-H",
            "Transfer-Encoding: chunked",
            "-H",
            "Expect: 100-continue",
        ];
        let sent = scanning.curl(&url, &args);
        assert!(sent.out.contains(wanted), "{sent:?}");
    }
    assert_eq!(origin.requests(), 1);
}

#[test]
fn what_a_site_receives_and_sends_is_judged() {
    let backend = origin(|_| None);
    let listen = privet_tests::reserve();
    let scanning = Scanning::start(&format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"localhost\", \"127.0.0.1\"]\n\
         [[site.backend]]\nurl = \"{}\"\n",
        backend.url()
    ));
    let ask = |path: &str, args: &[&str]| {
        let url = format!("http://{listen}{path}");
        privet_tests::client::curl(
            &[&["-s", "-w", "\n%{http_code} %{size_download}", &url], args].concat(),
        )
    };
    assert!(ask("/clean/70", &[]).out.ends_with("\n200 70"));
    for stopped in [ask("/bad", &["-i"]), ask("/upload", &["-i", "-d", PAYLOAD])] {
        assert_stopped(&stopped, "TestPayload");
        assert!(!stopped.out.contains("Privet"), "{stopped:?}");
    }
    drop(scanning);
}

#[test]
fn one_risk_is_taken_once_by_an_upload() {
    let origin = origin(|_| None);
    let scanning = Scanning::start("");
    let url = format!("{}/upload", origin.url());
    let send = || scanning.curl(&url, &["-d", PAYLOAD]);
    assert_stopped(&send(), "TestPayload");
    let hash = scanning.row("/upload")["scan_sha256"]
        .as_str()
        .expect("a hash")
        .to_owned();
    scanning.privet.json(&["scan", "allow", &hash]);
    // Another body takes nothing of it.
    assert_stopped(
        &scanning.curl(&url, &["-d", &format!("{PAYLOAD} and more")]),
        "TestPayload",
    );
    assert!(send().good().ends_with("\n200 20"));
    assert_stopped(&send(), "TestPayload");
    assert_eq!(origin.requests(), 1);
}

#[test]
fn a_file_in_a_form_is_opened() {
    let origin = origin(|_| None);
    let scanning = Scanning::start("");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("{}/form", origin.url());
    for (inner, wanted) in [(clean(500), "200 20"), (bad(500), "403 ")] {
        let file = folder.path().join("file.zip");
        std::fs::write(&file, zipped("inner", &inner)).expect("the folder takes a file");
        let field = format!("file=@{}", file.display());
        let sent = scanning.curl(&url, &["-F", "a=b", "-F", &field]);
        assert!(sent.out.contains(wanted), "{sent:?}");
    }
}

#[test]
fn an_upload_that_is_sent_to_another_backend_is_whole() {
    // Reads the request, and closes without an answer.
    let dead = Backend::answering(|_, _, _| Err(std::io::ErrorKind::BrokenPipe.into()));
    let alive = Backend::answering(|stream, _, body| {
        let text = format!("got {}", body.len());
        privet_tests::backend::reply(stream, "200 OK", "", text.as_bytes())
    });
    let listen = privet_tests::reserve();
    let scanning = Scanning::start(&format!(
        "[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"127.0.0.1\"]\nbalance = \"round-robin\"\n\
         [[site.backend]]\nurl = \"{}\"\n[[site.backend]]\nurl = \"{}\"\n",
        dead.url(),
        alive.url()
    ));
    let body = "x".repeat(20_000);
    for _ in 0..4 {
        let url = format!("http://{listen}/put");
        let sent = privet_tests::client::curl(&["-s", "-X", "PUT", "-d", &body, &url]);
        assert_eq!(sent.good(), "got 20000");
    }
    assert!(dead.requests() > 0);
    drop(scanning);
}
