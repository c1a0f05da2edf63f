//! Certificates that were revoked: by a stapled answer, and by a list beside the authority. Those that demand such an answer.

use std::path::Path;
use std::process::Command;

use privet_tests::{CommandOutput, Privet};

use crate::support::{
    Certificates, OpensslOrigin, assert_fault, authority, fetch, inspecting, openssl_origin,
};

/// Makes OCSP responses about good.pem and a revocation list: `NAME.der` and `crl.pem`. demanding.pem demands responses; those
/// about it are `good-DEMANDING.der` and `forged-DEMANDING.der`.
const RESPONSES: &str = "set -e
    serial=$(openssl x509 -in good.pem -noout -serial | cut -d= -f2)
    printf 'R\\t400101000000Z\\t250101000000Z\\t%s\\tunknown\\t/CN=origin\\n' \"$serial\" > revoked.txt
    printf 'V\\t400101000000Z\\t\\t%s\\tunknown\\t/CN=origin\\n' \"$serial\" > valid.txt
    openssl ocsp -issuer ca.pem -cert good.pem -no_nonce -reqout request.der
    cp good.ext demanding.ext; printf 'tlsfeature=status_request\\n' >> demanding.ext
    openssl x509 -req -in good.csr -CA ca.pem -CAkey ca.key -set_serial 119 -out demanding.pem -days 30 -extfile demanding.ext
    cp good.key demanding.key
    printf 'V\\t400101000000Z\\t\\t77\\tunknown\\t/CN=origin\\n' > demanding.txt
    respond() { # name, index, signer, key of the signer
        openssl ocsp -index $2.txt -CA ca.pem -rsigner $3.pem -rkey $4.key -reqin request.der -respout $1.der -ndays 7
    }
    respond revoked revoked ca ca
    respond valid valid ca ca
    respond forged revoked other-ca other
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout responder.key -out responder.csr -subj /CN=responder
    printf 'extendedKeyUsage=OCSPSigning\\n' > responder.ext
    openssl x509 -req -in responder.csr -CA ca.pem -CAkey ca.key -out responder.pem -days 30 -extfile responder.ext
    respond delegated revoked responder responder
    respond undelegated revoked good good
    openssl ocsp -issuer ca.pem -cert demanding.pem -no_nonce -reqout request.der
    respond good-demanding demanding ca ca
    respond forged-demanding demanding other-ca other
    cp revoked.txt index
    printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\ndefault_md=sha256\\n' > crl.cnf
    openssl ca -gencrl -config crl.cnf -cert ca.pem -keyfile ca.key -crldays 30 -out crl.pem
    cat ca.pem crl.pem > listed.pem
    openssl ca -gencrl -config crl.cnf -cert ca.pem -keyfile ca.key -out old.pem \
        -crl_lastupdate 20250101000000Z -crl_nextupdate 20250201000000Z
    cat ca.pem old.pem > old-list.pem
    cat other-ca.pem crl.pem > stranger-list.pem";

fn certificates() -> Certificates {
    let certificates = Certificates::make();
    let mut command = Command::new("sh");
    command
        .args(["-c", RESPONSES])
        .current_dir(certificates.path(""));
    CommandOutput::of(command).good();
    certificates
}

#[test]
fn a_stapled_answer_that_says_revoked_gets_a_page_if_the_issuer_signed_it() {
    let certificates = certificates();
    let privet = Privet::start(&inspecting(&certificates, ""));
    let ca = authority(&privet);
    for (name, revoked) in [
        ("revoked", true),
        ("delegated", true),
        ("valid", false),
        ("forged", false),
        ("undelegated", false),
    ] {
        let response = certificates.text(&format!("{name}.der"));
        let origin = openssl_origin(&certificates, "good", &["-status_file", &response]);
        let fault = revoked.then_some(("revoked", "it was revoked"));
        assert_judged(&privet, &ca, &origin, fault);
    }
}

/// The page of the origin, or the one that says what is wrong with its certificate.
#[track_caller]
fn assert_judged(privet: &Privet, ca: &Path, origin: &OpensslOrigin, fault: Option<(&str, &str)>) {
    let url = format!("https://localhost:{}/", origin.port);
    let page = fetch(privet, ca, &["-i", &url]).good();
    match fault {
        None => assert!(page.contains("s_server"), "{page}"),
        Some((code, sentence)) => assert_fault(&page, code, sentence),
    }
}

#[test]
fn a_certificate_that_demands_a_stapled_answer_gets_a_page_without_a_valid_one() {
    let certificates = certificates();
    let privet = Privet::start(&inspecting(&certificates, ""));
    let ca = authority(&privet);
    let missing = Some(("no-staple", "the server sent none that is valid"));
    for (staple, fault) in [
        (None, missing),
        (Some("forged-demanding.der"), missing),
        // About another certificate.
        (Some("valid.der"), missing),
        (Some("good-demanding.der"), None),
    ] {
        let file = staple.map(|file| certificates.text(file));
        let args = file.as_deref().map(|file| ["-status_file", file]);
        let args = args.as_ref().map_or(&[][..], |args| args);
        let origin = openssl_origin(&certificates, "demanding", args);
        assert_judged(&privet, &ca, &origin, fault);
    }
}

#[test]
fn a_revocation_list_in_a_file_of_trust_is_heeded() {
    let certificates = certificates();
    let trusting =
        |file: &str| inspecting(&certificates, "").replace("/ca.pem", &format!("/{file}"));
    let privet = Privet::start(&trusting("listed.pem"));
    let ca = authority(&privet);
    let origin = openssl_origin(&certificates, "good", &[]);
    assert_judged(&privet, &ca, &origin, Some(("revoked", "it was revoked")));
    // What was revoked stays so when the list's time is over.
    let privet = Privet::start(&trusting("old-list.pem"));
    let ca = authority(&privet);
    assert_judged(&privet, &ca, &origin, Some(("revoked", "it was revoked")));
    let refused = privet.sandbox.dir().join("other.toml");
    std::fs::write(&refused, trusting("stranger-list.pem")).expect("the folder takes a file");
    let checked = privet.cli(&["check", "--config", &refused.display().to_string()]);
    assert_ne!(checked.code, 0, "{checked:?}");
    let said = format!("{}{}", checked.out, checked.err);
    assert!(
        said.contains("a revocation list is not signed by a certificate of that file"),
        "{said}"
    );
}
