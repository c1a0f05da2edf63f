//! The control API matches its OpenAPI document: schemathesis generates valid and invalid calls and checks the answers.

use privet_tests::client::python_within;
use privet_tests::require;
use privet_tests::{Privet, await_port};

/// Called as `python -c SCRIPT URL TOKEN SETTINGS FOLDER`; schemathesis writes its files into the folder. Schema-valid input without a meaning (an unknown mode, a filter
/// without a field) is refused with 400 or 422, so `positive_data_acceptance` is not checked.
const SCRIPT: &str = r#"
import subprocess, sys
url, token, settings, folder = sys.argv[1:]
done = subprocess.run([
    sys.executable, "-m", "schemathesis.cli", "--config-file", settings, "run", url + "/api/v1/openapi.json",
    "--header", "Authorization: Bearer " + token,
    "--exclude-checks", "positive_data_acceptance",
    "--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "7", "--no-color",
], capture_output=True, text=True, cwd=folder)
print(done.stdout[-20000:])
print(done.stderr[-4000:], file=sys.stderr)
sys.exit(done.returncode)
"#;

#[test]
fn the_api_matches_its_openapi_document() {
    let privet = Privet::start(
        "[control]\nhttp = \"$CONTROL\"\n[filter]\ndeny = [\"bad.example\"]\n\
         [[upstream]]\nname = \"a\"\nurl = \"socks5://127.0.0.1:9\"\n",
    );
    await_port(privet.sandbox.control, "the control port");
    let token = std::fs::read_to_string(privet.sandbox.dir().join("data/control.token"))
        .expect("the control API created its token");
    let url = format!("http://{}", privet.sandbox.control);
    let settings = concat!(env!("CARGO_MANIFEST_DIR"), "/schemathesis.toml");
    let folder = privet.sandbox.dir().display().to_string();
    let answer = require!(python_within(
        600,
        SCRIPT,
        &[&url, token.trim(), settings, &folder]
    ));
    assert_eq!(answer.code, 0, "{}\n{}", answer.out, answer.err);
    assert!(!privet.log().contains("panicked"), "{}", privet.log());
}
