//! What one source file imports from its own crate.

use super::tokens::tokens;

/// A path from the crate's root: modules, then the name of an item.
pub type Path = Vec<String>;

/// One file of a crate, and the paths in it that lead to its own crate.
pub struct SourceFile {
    /// Below the crate's `src`.
    pub name: String,
    pub module: Path,
    /// Paths that the file's code uses.
    pub uses: Vec<Path>,
    /// `pub use`: the name, and where it leads.
    pub exports: Vec<(String, Path)>,
}

impl SourceFile {
    pub fn new(name: &str, text: &str) -> Self {
        let mut reader = Reader {
            tokens: tokens(text),
            file: Self {
                name: name.to_owned(),
                module: module(name),
                uses: Vec::new(),
                exports: Vec::new(),
            },
            children: Vec::new(),
            inline: Vec::new(),
            depth: 0,
        };
        reader.find_children();
        reader.read();
        reader.file
    }
}

/// `a/b.rs` and `a/b/mod.rs` are both module `a::b`.
fn module(name: &str) -> Path {
    let mut parts: Path = name
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if parts.last().is_some_and(|last| last == "mod")
        || ["lib", "main"].contains(&&*parts.join("/"))
    {
        parts.pop();
    }
    parts
}

struct Reader {
    tokens: Vec<String>,
    file: SourceFile,
    /// Modules declared in this file.
    children: Vec<String>,
    /// Modules written out in this file around the current token, with the depth of their braces.
    inline: Vec<(String, usize)>,
    depth: usize,
}

impl Reader {
    fn find_children(&mut self) {
        for pair in self.tokens.windows(2) {
            if pair[0] == "mod" {
                self.children.push(pair[1].clone());
            }
        }
    }

    fn read(&mut self) {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at).cloned() {
            match token.as_str() {
                "{" => self.depth += 1,
                "}" => self.leave_block(),
                "mod" if self.is(at + 2, "{") => {
                    self.inline.push((self.tokens[at + 1].clone(), self.depth));
                }
                "use" => {
                    at = self.read_use(at);
                    continue;
                }
                _ if self.is(at + 1, "::") && !(at > 0 && self.is(at - 1, "::")) => {
                    at = self.read_path(at);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn is(&self, at: usize, token: &str) -> bool {
        self.tokens.get(at).is_some_and(|found| found == token)
    }

    fn leave_block(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self
            .inline
            .last()
            .is_some_and(|(_, depth)| *depth == self.depth)
        {
            self.inline.pop();
        }
    }

    /// A path in code. Returns the position after it.
    fn read_path(&mut self, start: usize) -> usize {
        let mut path = vec![self.tokens[start].clone()];
        let mut at = start + 1;
        while self.is(at, "::") && self.tokens.get(at + 1).is_some_and(|next| is_name(next)) {
            path.push(self.tokens[at + 1].clone());
            at += 2;
        }
        if let Some(path) = self.absolute(&path) {
            self.file.uses.push(path);
        }
        at.max(start + 1)
    }

    /// A `use` statement. Returns the position after it.
    fn read_use(&mut self, start: usize) -> usize {
        let is_export = start > 0 && (self.is(start - 1, "pub") || self.is(start - 1, ")"));
        let end = (start..self.tokens.len())
            .find(|&at| self.is(at, ";"))
            .unwrap_or(self.tokens.len());
        let mut names = Vec::new();
        leaves(&self.tokens[start + 1..end], &mut 0, &[], &mut names);
        for (path, name) in names {
            let Some(path) = self.absolute(&path) else {
                continue;
            };
            let outside = self.tokens[..start].iter().chain(&self.tokens[end..]);
            if !is_export || outside.into_iter().any(|token| *token == name) {
                self.file.uses.push(path.clone());
            }
            if is_export {
                self.file.exports.push((name, path));
            }
        }
        end + 1
    }

    /// The path from the crate's root, where the path leads into this crate.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let mut base = self.file.module.clone();
        base.extend(self.inline.iter().map(|(name, _)| name.clone()));
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => base.clear(),
            "self" | "super" => {}
            name if self.inline.is_empty() && self.children.iter().any(|child| child == name) => {
                base.extend_from_slice(path);
                return Some(base);
            }
            _ => return None,
        }
        while let Some(first) = rest
            .first()
            .filter(|first| ["crate", "self", "super"].contains(&first.as_str()))
        {
            if first == "super" {
                base.pop();
            }
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// Each path of a `use` tree, with the name that it gets.
fn leaves(tokens: &[String], at: &mut usize, prefix: &[String], found: &mut Vec<(Path, String)>) {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token.as_str() {
            "{" => loop {
                leaves(tokens, at, &path, found);
                *at += 1;
                if tokens.get(*at - 1).is_none_or(|token| token == "}") {
                    return;
                }
            },
            "," | "}" => {
                *at -= 1;
                break;
            }
            "::" => {}
            "as" => {
                let name = tokens.get(*at).cloned().unwrap_or_default();
                *at += 1;
                found.push((path, name));
                return;
            }
            "self" if !path.is_empty() => {}
            _ => path.push(token.clone()),
        }
    }
    if let (true, Some(name)) = (
        path.len() > prefix.len() || *at > 0 && tokens[*at - 1] == "self",
        path.last(),
    ) {
        found.push((path.clone(), name.clone()));
    }
}
