//! The ids of rules. They are made from the content: an unchanged rule keeps its id wherever it is moved in the file.

use std::collections::BTreeMap;

use crate::json::rule_json;
use crate::model::Rule;

/// An id for each rule, in their order: 16 hexadecimal digits made from its content, the same in every run and version; the
/// second and third with the same content get `-2`, `-3`, ….
pub fn rule_ids(rules: &[Rule]) -> Vec<String> {
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    rules
        .iter()
        .map(|rule| {
            let content = fnv1a(rule_json(rule).to_string().as_bytes());
            let count = seen.entry(content).or_default();
            *count += 1;
            match *count {
                1 => format!("{content:016x}"),
                nth => format!("{content:016x}-{nth}"),
            }
        })
        .collect()
}

/// FNV-1a, 64 bits: unlike the standard library's hasher it is the same in every version. Not safe against crafted collisions.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Config;

    fn ids(text: &str) -> Vec<String> {
        rule_ids(&Config::parse(text, Path::new("/")).unwrap().config.rules)
    }

    #[test]
    fn an_id_depends_on_the_content_and_not_on_the_position() {
        const A: &str = "[[rule]]\nmatch = { domain = [\"a.test\"] }\nuse = \"block\"\n";
        const B: &str = "[[rule]]\nmatch = { port = [443] }\nuse = \"direct\"\n";
        let (forth, back) = (ids(&format!("{A}{B}")), ids(&format!("# moved\n{B}{A}")));
        assert_eq!(forth, [back[1].clone(), back[0].clone()]);
        assert_ne!(forth[0], forth[1]);
        let changed = A.replace("block", "direct");
        assert_ne!(ids(&changed)[0], forth[0]);
    }

    #[test]
    fn rules_with_the_same_content_get_different_ids() {
        const A: &str = "[[rule]]\nmatch = { port = [443] }\nuse = \"direct\"\n";
        let found = ids(&A.repeat(3));
        assert_eq!(found[1], format!("{}-2", found[0]));
        assert_eq!(found[2], format!("{}-3", found[0]));
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
