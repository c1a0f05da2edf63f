//! Certificates that were revoked: by a stapled answer, and by a list beside the authority.

use std::process::Command;

use privet_tests::{CommandOutput, Privet};

use crate::support::{Certificates, authority, fetch, inspecting, openssl_origin};

/// Makes OCSP responses about good.pem and a revocation list: `NAME.der` and `crl.pem`.
const RESPONSES: &str = "set -e
    serial=$(openssl x509 -in good.pem -noout -serial | cut -d= -f2)
    printf 'R\\t400101000000Z\\t250101000000Z\\t%s\\tunknown\\t/CN=origin\\n' \"$serial\" > revoked.txt
    printf 'V\\t400101000000Z\\t\\t%s\\tunknown\\t/CN=origin\\n' \"$serial\" > valid.txt
    openssl ocsp -issuer ca.pem -cert good.pem -no_nonce -reqout request.der
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
    cp revoked.txt index
    printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\ndefault_md=sha256\\n' > crl.cnf
    openssl ca -gencrl -config crl.cnf -cert ca.pem -keyfile ca.key -crldays 30 -out crl.pem
    cat ca.pem crl.pem > listed.pem
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
        let url = format!("https://localhost:{}/", origin.port);
        let page = fetch(&privet, &ca, &["-i", &url]).good();
        let lower = page.to_lowercase();
        if revoked {
            assert!(
                lower.contains("privet-reason: certificate: revoked"),
                "{name}: {page}"
            );
            assert!(page.contains("it was revoked"), "{name}: {page}");
            assert!(!page.contains("s_server"), "{name}: {page}");
        } else {
            assert!(page.contains("s_server"), "{name}: {page}");
        }
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
    let url = format!("https://localhost:{}/", origin.port);
    let page = fetch(&privet, &ca, &["-i", &url]).good();
    assert!(
        page.to_lowercase()
            .contains("privet-reason: certificate: revoked"),
        "{page}"
    );
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
