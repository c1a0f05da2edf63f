//! Circles in the graph of a crate's files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::imports::{Path, SourceFile};

/// Files of which each leads to each other one by imports.
pub struct Circle {
    /// Sorted.
    pub files: Vec<String>,
    edges: Vec<(String, String)>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edges: Vec<_> = self
            .edges
            .iter()
            .map(|(from, to)| format!("{from} -> {to}"))
            .collect();
        f.write_str(&edges.join(", "))
    }
}

/// The circles of a crate, in the order of their files.
pub fn circles(files: &[SourceFile]) -> Vec<Circle> {
    let modules: BTreeMap<&Path, usize> = files
        .iter()
        .enumerate()
        .map(|(index, file)| (&file.module, index))
        .collect();
    let edges: Vec<BTreeSet<usize>> = files
        .iter()
        .enumerate()
        .map(|(from, file)| {
            let reached = file
                .uses
                .iter()
                .filter_map(|path| definer(path, files, &modules));
            reached.filter(|&to| to != from).collect()
        })
        .collect();
    let reachable: Vec<_> = (0..files.len())
        .map(|from| reached_from(from, &edges))
        .collect();
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut found = Vec::new();
    for from in 0..files.len() {
        if seen.contains(&from) || !reachable[from].contains(&from) {
            continue;
        }
        let both = |&to: &usize| reachable[to].contains(&from);
        let members: BTreeSet<usize> = reachable[from].iter().copied().filter(both).collect();
        seen.extend(&members);
        let name = |index: usize| files[index].name.clone();
        found.push(Circle {
            files: members.iter().map(|&index| name(index)).collect(),
            edges: members
                .iter()
                .flat_map(|&from| {
                    edges[from]
                        .intersection(&members)
                        .map(move |&to| (from, to))
                })
                .map(|(from, to)| (name(from), name(to)))
                .collect(),
        });
    }
    found
}

/// The file that defines what a path names: re-exports are followed.
fn definer(path: &Path, files: &[SourceFile], modules: &BTreeMap<&Path, usize>) -> Option<usize> {
    let mut path = path.clone();
    // More re-exports in a row than a crate has.
    for _ in 0..8 {
        let (length, index) = (0..=path.len())
            .rev()
            .find_map(|length| Some((length, *modules.get(&path[..length].to_vec())?)))?;
        let export = path.get(length).and_then(|next| {
            let mut exports = files[index].exports.iter();
            exports.find(|(name, target)| name == next && target[..] != path[..=length])
        });
        let Some((_, target)) = export else {
            return Some(index);
        };
        path = [target.as_slice(), &path[length + 1..]].concat();
    }
    None
}

fn reached_from(start: usize, edges: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(from) = open.pop() {
        for &to in &edges[from] {
            if reached.insert(to) {
                open.push(to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut files: Vec<_> = files
            .iter()
            .map(|(name, text)| SourceFile::new(name, text))
            .collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        circles(&files)
            .iter()
            .map(|circle| circle.files.join(" "))
            .collect()
    }

    #[test]
    fn files_that_import_each_other_are_a_circle() {
        let direct = [
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::{c, a::{self, A}};"),
            ("c.rs", ""),
        ];
        assert_eq!(found(&direct), ["a.rs b.rs"]);
        let by_a_third = [
            ("a.rs", "fn f() { crate::b::f() }"),
            ("b/mod.rs", "mod c;\nfn f() { c::f() }"),
            ("b/c.rs", "use super::super::a::f as g;"),
        ];
        assert_eq!(found(&by_a_third), ["a.rs b/c.rs b/mod.rs"]);
    }

    #[test]
    fn a_folder_that_only_exports_its_files_is_not_in_a_circle() {
        let export = "pub mod b;\nmod c;\npub use b::B;\npub(crate) use c::C;\n";
        let one_way = [
            ("a/mod.rs", export),
            ("a/b.rs", "use super::C;"),
            ("a/c.rs", ""),
        ];
        assert!(found(&one_way).is_empty());
        let circle = [
            ("a/mod.rs", export),
            ("a/b.rs", "use super::C;"),
            ("a/c.rs", "use crate::a::B;"),
        ];
        assert_eq!(found(&circle), ["a/b.rs a/c.rs"]);
        let used = format!("{export} struct A(B);");
        let parent = [
            ("a/mod.rs", used.as_str()),
            ("a/b.rs", "use super::A;"),
            ("a/c.rs", ""),
        ];
        assert_eq!(found(&parent), ["a/b.rs a/mod.rs"]);
    }

    #[test]
    fn comments_literals_and_tests_import_nothing() {
        let text = "// use crate::b::B;\n/* crate::b::f() */ const A: &str = \"crate::b::B\"; const R: &str = r#\"crate::b::\"\"#;\n\
             fn f<'a>(x: char) { x == '\"' }\n#[cfg(test)]\nmod tests { use crate::b::B; fn f() {} }\n";
        assert!(found(&[("a.rs", text), ("b.rs", "use crate::a;")]).is_empty());
        let after = format!("{text} use crate::b::B;");
        assert_eq!(
            found(&[("a.rs", &after), ("b.rs", "use crate::a;")]),
            ["a.rs b.rs"]
        );
    }
}
