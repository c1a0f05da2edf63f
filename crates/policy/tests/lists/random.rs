//! Random texts: nothing panics, nothing depends on how a text is split.

use privet_config::ListFormat::{self, *};
use privet_policy::*;
use proptest::prelude::*;

use crate::given::random::{NAMES, list_text};
use crate::support::{list, says};

const FORMATS: [ListFormat; 6] = [Auto, Adblock, Hosts, Domains, Dnsmasq, Rpz];

/// Lines that come near every format, with line ends and bytes that do not.
fn source() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        list_text().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
        "[|@]{0,2}[a-z.*^/]{0,12}(\\$[a-z,=~|-]{0,20})?".prop_map(String::into_bytes),
        "[ \t]?[a-z.*@$-]{0,12} (IN )?(CNAME|SOA|A|TXT) [a-z.*()0-9;]{0,12}"
            .prop_map(String::into_bytes),
        "(address|server|local)=/[a-z./#*]{0,12}".prop_map(String::into_bytes),
        "[0-9.:a-f]{0,9} [a-z.# ]{0,20}".prop_map(String::into_bytes),
        "[0-9.:]{1,9}[/-][0-9.]{1,9}( [#;][a-z]{0,3})?".prop_map(String::into_bytes),
        "!#(if|else|endif|include)[ !()&|a-z]{0,12}\r?".prop_map(String::into_bytes),
        "\\|\\|[a-z.*]{1,9}[\\^/*]?(\\$(denyallow=[a-z.|]{0,9}|badfilter|domain=~a.test))?"
            .prop_map(String::into_bytes),
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_bytes_in_any_pieces_give_the_same_list(
        bytes in source(), cuts in proptest::collection::vec(0usize..50, 1..20), format in 0usize..6,
    ) {
        let format = FORMATS[format];
        let whole = List::parse("x", &bytes, format);
        let mut reader = ListReader::new("x", format);
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(cuts.next().unwrap() + 1));
            reader.feed(piece).unwrap();
            rest = after;
        }
        match (whole, reader.finish()) {
            (Ok(whole), Ok(cut)) => {
                prop_assert_eq!(whole.stats(), cut.stats());
                for error in &whole.stats().errors {
                    prop_assert!(line_text(&bytes, error.line).is_some());
                }
                for host in NAMES {
                    let host = Host::parse(host).unwrap();
                    let url = format!("http://{host}/ads/x.js");
                    prop_assert_eq!(whole.matches(&host, None), cut.matches(&host, None));
                    prop_assert_eq!(whole.matches(&host, Some(&url)), cut.matches(&host, Some(&url)));
                }
            }
            (whole, cut) => prop_assert_eq!(whole.err(), cut.err()),
        }
    }

    #[test]
    fn two_lists_block_what_either_blocks(
        a in proptest::collection::vec(0usize..9, 0..5), b in proptest::collection::vec(0usize..9, 0..5),
    ) {
        let text = |picked: &[usize]| -> String {
            picked.iter().map(|at| format!("0.0.0.0 {}\n", NAMES[*at])).collect()
        };
        let (a, b) = (text(&a), text(&b));
        let (one, two, both) = (list(Hosts, &a), list(Hosts, &b), list(Hosts, &format!("{a}{b}")));
        for host in NAMES {
            let either = says(&one, host) != "-" || says(&two, host) != "-";
            prop_assert_eq!(says(&both, host) != "-", either, "{}", host);
        }
    }
}
