//! What `privet check` reports of the lists that are files.

use privet_config::{Config, Diagnostic, DiagnosticCode, FilterList, ListSource, Severity};

use super::read::read_file;

/// A warning for every enabled list whose file cannot be read or has lines that are skipped. Blocking: reads the files.
pub fn list_warnings(config: &Config) -> Vec<Diagnostic> {
    let lists = config.filter.lists.iter();
    lists
        .filter(|list| list.enabled)
        .filter_map(warning)
        .collect()
}

fn warning(list: &FilterList) -> Option<Diagnostic> {
    let ListSource::Path(path) = &list.source else {
        return None;
    };
    let name = &list.name;
    let (code, cause, help) = match read_file(path, list) {
        Err(error) => (
            DiagnosticCode::File,
            format!("list “{name}”: {error}"),
            "until the file can be read, the list blocks nothing".to_owned(),
        ),
        Ok(parsed) => {
            let stats = parsed.list.stats();
            let first = stats.errors.first()?;
            (
                DiagnosticCode::Unreached,
                format!(
                    "list “{name}”: {} lines are skipped; {first}",
                    stats.skipped
                ),
                format!("`privet lists lines {name}` shows them all once the list is in use"),
            )
        }
    };
    Some(Diagnostic::without_place(
        Severity::Warning,
        code,
        cause,
        help,
    ))
}
