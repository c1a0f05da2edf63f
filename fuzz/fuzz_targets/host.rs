//! Parses hosts, targets and URLs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_policy::{Host, Target};

fuzz_target!(|text: &str| {
    if let Ok(host) = Host::parse(text) {
        assert_eq!(Host::parse(&host.to_string()), Ok(host.clone()));
        if let Host::Name(name) = host {
            assert!((1..=253).contains(&name.len()) && !name.ends_with('.'));
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
            );
            // A host that is not parsed as an address must not be one for the standard parser either.
            assert!(name.parse::<std::net::IpAddr>().is_err());
        }
    }
    for target in [Target::parse(text), Target::from_url(text)] {
        if let Ok(target) = target {
            assert_eq!(Target::parse(&target.to_string()), Ok(target.clone()));
            assert_eq!(Target::from_url(&format!("http://{target}/")), Ok(target));
        }
    }
});
