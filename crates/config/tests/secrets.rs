//! Secrets are read from where they are stored; no message shows one.

use std::path::{Path, PathBuf};

use privet_config::*;
use secrecy::{ExposeSecret, SecretString};

const VALUE: &str = "hunter2hunter2";

struct OneEntry;

impl Keyring for OneEntry {
    fn read(&self, name: &str) -> Result<SecretString, KeyringError> {
        if name == "privet" {
            Ok(SecretString::from(VALUE))
        } else {
            Err(KeyringError::NoEntry)
        }
    }
}

fn revealed(secret: &Secret) -> String {
    secret.reveal(&OneEntry).unwrap().expose_secret().to_owned()
}

#[test]
fn a_secret_is_read_from_its_reference() {
    assert_eq!(revealed(&Secret::Keyring("privet".into())), VALUE);
    assert_eq!(revealed(&Secret::Plain(SecretString::from(VALUE))), VALUE);
    let path = std::env::var("PATH").unwrap();
    assert_eq!(revealed(&Secret::Env("PATH".into())), path);
}

#[test]
fn a_secret_file_gives_its_first_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for (content, expected) in [
        ("a b", "a b"),
        ("a\n", "a"),
        ("a\r\nb\n", "a"),
        (" a \nb", " a "),
    ] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(revealed(&Secret::File(path.clone())), expected);
    }
}

#[test]
fn an_unresolved_reference_is_named_with_its_fix() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let long = vec![b'x'; MAX_SECRET + 1];
    for (secret, says) in [
        (
            Secret::Env("PRIVET_NOT_SET_ANYWHERE".into()),
            "PRIVET_NOT_SET_ANYWHERE is not set: export it",
        ),
        (
            Secret::File(folder.path().join("absent")),
            "absent cannot be read",
        ),
        (Secret::File(file("empty", b"\nx")), "is empty"),
        (Secret::File(file("long", &long)), "more than 4096 bytes"),
        (Secret::File(file("binary", b"\xff\xfe\n")), "not UTF-8"),
        (
            Secret::Keyring("other".into()),
            "no entry of that name; where no keyring runs",
        ),
    ] {
        let error = secret.reveal(&OneEntry).unwrap_err().to_string();
        assert!(error.contains(says), "\"{error}\" does not say \"{says}\"");
    }
    let without = Secret::Keyring("privet".into())
        .reveal(&NoKeyring)
        .unwrap_err()
        .to_string();
    assert!(without.contains("no keyring service runs"), "{without}");
    let longest = file("longest", &[&long[1..], b"\r\n"].concat());
    assert_eq!(revealed(&Secret::File(longest)).len(), MAX_SECRET);
}

/// Files with a plain secret, valid or with errors around it.
const PLAIN_SECRETS: &[&str] = &[
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://h\"\nusername = \"u\"\npassword = \"hunter2hunter2\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://h\"\nusername = \"u\"\npassword = 'hunter2hunter2'\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://h\"\nusername = \"u\"\n\"pass\\u0077ord\" = \"hunter2hunter2\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://u:hunter2hunter2@h\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://u:hunter2hunter2@h:99999\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"sock5://u:hunter2hunter2@h\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks4://u:hunter2hunter2@h\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://:hunter2hunter2@h\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://h\"\npasswrd = \"hunter2hunter2\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://h\"\npw = \"hunter2hunter2\"\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://h\"\nusername = \"u\"\npassword = [\"hunter2hunter2\"]\n",
    "[[upstream]]\nname = \"a\"\nurl = \"socks5://h\"\nusername = \"u\"\npassword = \"hunter2hunter2\n",
    "[[upstream]]\npassword = hunter2hunter2\n",
    "[[upstream]]\npassword = \"\"\"\nhunter2hunter2\n\"\"\" x\n",
    "[[upstream]]\npassword = \"\"\"\nhunter2hunter2 \\q\n",
    "[[upstream]]\npassword : \"hunter2hunter2\"\n",
    "[listen]\nusers = [{ nme = \"a\", password = \"hunter2hunter2\" }]\n",
    "[listen]\nusers = [{ name = \"a\", password = \"hunter2hunter2\" }, { name = 5, password = \"hunter2hunter2\" }]\n",
    "[[group]]\nname = \"g\"\nmembers = []\ncheck = { url = \"http://u:hunter2hunter2@h/\" }\n",
    "[[filter.list]]\nname = \"g\"\nsource = \"https://u:hunter2hunter2@h/\"\n",
];

#[test]
fn no_output_shows_a_secret() {
    for text in PLAIN_SECRETS {
        let shown = match Config::parse(text, Path::new("/")) {
            Ok(loaded) => {
                let file = loaded
                    .warnings
                    .iter()
                    .map(|w| w.in_file("f").to_string())
                    .collect::<String>();
                let json = to_json(&loaded.config).to_string();
                let secrets: String = loaded
                    .config
                    .upstreams
                    .iter()
                    .filter_map(|u| u.password.as_ref())
                    .map(Secret::to_string)
                    .collect();
                assert!(file.contains("in the clear"), "not warned of: {text}");
                format!(
                    "{loaded:?} {file} {json} {secrets} {}",
                    serde_json::to_string(&loaded.warnings).unwrap()
                )
            }
            Err(found) => format!(
                "{found} {found:?} {}",
                serde_json::to_string(&found).unwrap()
            ),
        };
        assert!(!shown.contains("hunter2"), "shown: {shown}\nof: {text}");
        let document = match Document::parse(text) {
            Ok(document) => format!("{document:?}"),
            Err(found) => format!("{found} {found:?}"),
        };
        assert!(
            !document.contains("hunter2"),
            "shown: {document}\nof: {text}"
        );
    }
}

#[test]
fn a_redacted_line_keeps_its_caret_position() {
    let text = "[listen]\nusers = [{ name = \"a\", password = \"hunter2hunter2\", x = 1 }]\n";
    let found = Config::parse(text, Path::new("/")).unwrap_err();
    let unknown = found.errors().next().unwrap();
    assert_eq!(
        unknown.source,
        "users = [{ name = \"a\", password = ***, x = *** }]"
    );
    assert_eq!(unknown.source.chars().nth(unknown.mark), Some('x'));
    let plain = found
        .list
        .iter()
        .find(|d| d.code == DiagnosticCode::PlainSecret)
        .unwrap();
    assert_eq!(
        (&plain.source[plain.mark..plain.mark + 3], plain.width),
        ("***", 3)
    );
}

#[test]
fn a_secret_in_the_file_is_only_a_reference_in_json() {
    let text = PLAIN_SECRETS[0];
    let config = Config::parse(text, Path::new("/")).unwrap().config;
    assert_eq!(
        to_json(&config)["upstream"][0]["password"],
        serde_json::json!({ "plain": true })
    );
}

/// Files with a missing character or a missing end.
#[test]
fn a_broken_file_shows_no_secret_either() {
    for text in PLAIN_SECRETS.iter().filter(|text| !text.contains("pw =")) {
        let secret = text.find(VALUE).unwrap()..text.find(VALUE).unwrap() + VALUE.len();
        for (at, lost) in text.char_indices().filter(|(at, _)| !secret.contains(at)) {
            let without = format!("{}{}", &text[..at], &text[at + lost.len_utf8()..]);
            let cut = if at >= secret.end { &text[..at] } else { text };
            for broken in [&without, cut] {
                let list = match Config::parse(broken, Path::new("/")) {
                    Ok(loaded) => loaded.warnings,
                    Err(found) => found.list,
                };
                let shown: String = list
                    .iter()
                    .map(|d| format!("{}\n{d:?}", d.in_file("f")))
                    .collect();
                assert!(!shown.contains("hunter2"), "shown: {shown}\nof: {broken}");
            }
        }
    }
}
