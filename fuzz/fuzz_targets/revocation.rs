//! Revocation: stapled OCSP responses, and revocation lists in a file of `trust`. No input panics; what it says of one
//! authority's certificates says nothing of another's with the same name and number.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use privet_tls::CertificateDer;
use privet_tls::inspection::{CertificateFault, PublicAuthority, Revocation};

const AUTHORITY: &str = include_str!("revocation/ca.pem");

static CERTIFICATES: LazyLock<[CertificateDer<'static>; 3]> = LazyLock::new(|| {
    [
        include_str!("revocation/plain.pem"),
        include_str!("revocation/demanding.pem"),
        include_str!("revocation/stranger.pem"),
    ]
    .map(|pem| {
        PublicAuthority::from_pem(pem)
            .expect("a certificate")
            .certificate
    })
});

fn check(known: &Revocation, stapled: &[u8]) {
    let [plain, demanding, stranger] = &*CERTIFICATES;
    let fault = |certificate| known.fault_of(certificate, &[], stapled, SystemTime::now());
    assert_ne!(fault(plain), Some(CertificateFault::NoStaple));
    let _ = fault(demanding);
    // Its authority is not at hand, so that nothing that is stapled can be good.
    assert_eq!(fault(stranger), Some(CertificateFault::NoStaple));
}

fuzz_target!(|input: &[u8]| {
    let file = Path::new("ca.pem");
    let mut known = Revocation::default();
    known.add(file, AUTHORITY.as_bytes()).expect("an authority");
    check(&known, input);
    let text = STANDARD.encode(input);
    let list = format!("{AUTHORITY}-----BEGIN X509 CRL-----\n{text}\n-----END X509 CRL-----\n");
    let mut listed = Revocation::default();
    if listed.add(file, list.as_bytes()).is_ok() {
        check(&listed, input);
    }
});
