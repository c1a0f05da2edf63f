//! Places in the text for problems that are found after it was read, such as with the files that it names.

use std::path::{Path, PathBuf};

use crate::diagnose::Diagnostic;
use crate::model::{Config, ListSource, ListenTls, SiteTls};
use crate::redact::redact;

/// A string of the file.
struct Literal<'a> {
    /// From 0.
    line: usize,
    /// The character after the quote, from 0.
    column: usize,
    text: &'a str,
}

/// Gives each problem without a place, whose cause names a file of the configuration, the place of the value that names it.
pub fn place_files(found: &mut [Diagnostic], config: &Config, text: &str) {
    let files = files(config);
    for one in found.iter_mut().filter(|one| one.line == 0) {
        let named = files.iter().filter_map(|file| {
            let shown = file.display().to_string();
            // What a pattern stands for begins as the pattern does.
            let fixed = shown.split('*').next().filter(|fixed| !fixed.is_empty())?;
            Some((one.cause.find(fixed)?, usize::MAX - fixed.len(), file))
        });
        if let Some((.., file)) = named.min() {
            one.place_at_path(text, file);
        }
    }
}

/// The files that the configuration names, as absolute paths or patterns.
fn files(config: &Config) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    if let Some(ListenTls::Files { cert, key }) = &config.listen.tls {
        files.extend([cert.clone(), key.clone()]);
    }
    for site in &config.sites {
        if let Some(SiteTls::Files { cert, key }) = &site.tls {
            files.extend([cert.clone(), key.clone()]);
        }
    }
    for list in &config.filter.lists {
        if let ListSource::Path(path) = &list.source {
            files.push(path.clone());
        }
    }
    files.extend(config.upstreams.iter().filter_map(|it| it.ca.clone()));
    files.extend(config.cache.redis.iter().filter_map(|it| it.ca.clone()));
    files.extend(config.inspect.trust.iter().cloned());
    files.extend(config.scan.rules.iter().map(PathBuf::from));
    files
}

impl Diagnostic {
    /// Gives the problem the place of the first string of the file that is `value`, if there is one.
    pub fn place_at_value(&mut self, text: &str, value: &str) {
        if let Some(found) = literals(text).find(|literal| literal.text == value) {
            self.place(text, &found);
        }
    }

    /// Gives the problem the place of the string of the file that names `path`: the longest that is its end, else the first
    /// with its file name.
    pub fn place_at_path(&mut self, text: &str, path: &Path) {
        let ends = |literal: &Literal<'_>| {
            !literal.text.is_empty() && path.ends_with(Path::new(literal.text))
        };
        let longest = literals(text)
            .filter(ends)
            .max_by_key(|literal| (literal.text.len(), usize::MAX - literal.line));
        let same_name = || {
            let mut all = literals(text);
            all.find(|literal| {
                let name = Path::new(literal.text).file_name();
                name.is_some() && name == path.file_name()
            })
        };
        if let Some(found) = longest.or_else(same_name) {
            self.place(text, &found);
        }
    }

    fn place(&mut self, text: &str, at: &Literal<'_>) {
        self.line = at.line + 1;
        self.column = at.column + 1;
        self.width = at.text.chars().count().max(1);
        self.mark = at.column;
        let shown = redact(text);
        self.source = shown.lines().nth(at.line).unwrap_or_default().to_owned();
    }
}

/// The strings of the text that are on one line, in order. Comments have none.
fn literals(text: &str) -> impl Iterator<Item = Literal<'_>> {
    text.lines().enumerate().flat_map(|(number, line)| {
        let mut found = Vec::new();
        let (mut rest, mut column) = (line, 0);
        while let Some(at) = rest.find(['"', '\'', '#']) {
            let (before, from) = rest.split_at(at);
            if from.starts_with('#') {
                break;
            }
            let (quote, inside) = from.split_at(1);
            let Some((text, after)) = inside.split_once(quote) else {
                break;
            };
            column += before.chars().count() + 1;
            found.push(Literal {
                line: number,
                column,
                text,
            });
            column += text.chars().count() + 1;
            rest = after;
        }
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::{DiagnosticCode, Severity};

    const FILE: &str = "# cert = \"cert.pem\"\n[listen]\ntls = { cert = 'ü/cert.pem', key = \"key.pem\" }\n\
                        users = [{ name = \"a\", password = { env = \"KEY\" } }]\n[scan]\nrules = [\"rules/*.yar\", \"x # y\"]\n\
                        password = \"hunter2\" # \"cert.pem\"\n";

    fn problem(cause: &str) -> Diagnostic {
        let code = DiagnosticCode::File;
        Diagnostic::without_place(Severity::Error, code, cause.to_owned(), String::new())
    }

    #[test]
    fn a_path_is_found_as_it_is_written_and_never_in_a_comment() {
        let place = |path: &str| {
            let mut one = problem("it is broken");
            one.place_at_path(FILE, Path::new(path));
            (one.line, one.column, one.width)
        };
        assert_eq!(place("/etc/ü/cert.pem"), (3, 17, 10));
        assert_eq!(place("/etc/key.pem"), (3, 37, 7));
        assert_eq!(place("/else/cert.pem"), (3, 17, 10), "by its file name");
        assert_eq!(place("/etc/no.pem"), (0, 0, 1));
        assert_eq!(place("/etc/rules/*.yar"), (6, 11, 11));
    }

    #[test]
    fn a_value_is_found_whole() {
        let mut one = problem("it is not set");
        one.place_at_value(FILE, "KEY");
        assert_eq!((one.line, one.column, one.width), (4, 44, 3));
        let mut other = problem("it is not set");
        other.place_at_value(FILE, "KE");
        assert_eq!(other.line, 0);
    }
}
