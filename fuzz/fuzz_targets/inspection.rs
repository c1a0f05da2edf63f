//! Inspection: a certificate is minted for every name that a certificate can bear and names that host alone, and whatever a
//! server shows as its certificate is judged without a panic and never accepted unsigned.
#![no_main]

use std::sync::LazyLock;
use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use privet_tls::inspection::{InspectionAuthority, Minter, OriginTls};
use privet_tls::{CertificateDer, CertificateFacts, CertificateName};

struct Parts {
    minter: Minter,
    origins: OriginTls,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let authority = InspectionAuthority::make(SystemTime::now()).expect("an authority");
    let own = authority.certificate().clone();
    Parts {
        origins: OriginTls::new(&[], own).expect("the system's authorities"),
        minter: Minter::new(authority, 8).expect("a minter"),
    }
});

fn mint(text: &str) {
    let Ok(name) = text.parse::<CertificateName>() else {
        return;
    };
    let now = SystemTime::now();
    let Ok(minted) = PARTS.minter.certificate(&name, now) else {
        return;
    };
    let facts = CertificateFacts::read(&minted).expect("what was minted can be read");
    assert_eq!(facts.names, [name.clone()]);
    assert!(facts.not_before < now && now < facts.not_after);
    // Ours is never an origin's.
    if let Ok(faults) = PARTS.origins.faults_of(&minted, &[], text) {
        let codes: Vec<&str> = faults.iter().map(|fault| fault.code()).collect();
        assert!(codes.contains(&"own-authority"), "{codes:?}");
    }
    PARTS.minter.warm(&name, now).expect("a certificate");
    assert!(PARTS.minter.kept() <= 8);
}

fn judge(bytes: &[u8]) {
    // The first byte says where the chain begins.
    let Some((cut, rest)) = bytes.split_first() else {
        return;
    };
    let at = usize::from(*cut).min(rest.len());
    let (chain, first) = rest.split_at(at);
    let first = CertificateDer::from(first);
    let chain = [CertificateDer::from(chain)];
    let faults = PARTS
        .origins
        .faults_of(&first, &chain, "a.test")
        .expect("a name");
    assert!(!faults.is_empty());
    for fault in faults {
        assert!(!fault.to_string().chars().any(|c| c.is_control()));
    }
}

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        mint(text);
    }
    judge(input);
});
