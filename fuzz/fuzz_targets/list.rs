//! Blocklists: any input, in any pieces, in every format. The first byte selects the format, the second the split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_config::ListFormat::*;
use privet_policy::{Host, List, ListReader, line_text};

const FORMATS: [privet_config::ListFormat; 6] = [Auto, Adblock, Hosts, Domains, Dnsmasq, Rpz];

fuzz_target!(|data: &[u8]| {
    let [format, cut, source @ ..] = data else {
        return;
    };
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    let whole = List::parse("whole", source, format);
    let mut reader = ListReader::new("cut", format);
    for piece in privet_fuzz::pieces(source, &[*cut, 1, 7]) {
        reader
            .feed(piece)
            .expect("no target is as large as the bound");
    }
    let cut = reader.finish();
    let (whole, cut) = match (whole, cut) {
        (Ok(whole), Ok(cut)) => (whole, cut),
        (whole, cut) => {
            assert_eq!(whole.err(), cut.err());
            return;
        }
    };
    assert_eq!(whole.stats(), cut.stats());
    for error in &whole.stats().errors {
        assert!(line_text(source, error.line).is_some());
    }
    for name in [
        "a",
        "a.b",
        "x.a.b",
        "ads.test",
        "10.0.0.1",
        "198.51.100.7",
        "2001:db8::1",
    ] {
        let host = Host::parse(name).expect("a host");
        let url = format!("http://{}/ads/x.js?a=b", name.replace(':', "."));
        assert_eq!(whole.matches(&host, None), cut.matches(&host, None));
        assert_eq!(
            whole.matches(&host, Some(&url)),
            cut.matches(&host, Some(&url))
        );
    }
});
