//! "Did you mean …": suggests the valid name nearest to a mistyped one.

/// The most names that are listed where none is near.
const MAX_LISTED: usize = 14;

/// The candidate within a typing error or two of `typed`.
pub(crate) fn nearest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let allowed = (typed.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&typed, &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| {
            *distance <= allowed && *distance < name.chars().count()
                || (typed.len() >= 3 && name.starts_with(&typed))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `did you mean "x"?`, or the list of candidates; `None` without candidates.
pub(crate) fn suggestion(typed: &str, candidates: &[&str], listed_as: &str) -> Option<String> {
    if let Some(name) = nearest(typed, candidates.iter().copied()) {
        return Some(format!("did you mean \"{name}\"?"));
    }
    let shown: Vec<String> = candidates
        .iter()
        .take(MAX_LISTED)
        .map(|name| format!("\"{name}\""))
        .collect();
    let more = if candidates.len() > MAX_LISTED {
        ", …"
    } else {
        ""
    };
    (!shown.is_empty()).then(|| format!("{listed_as} {}{more}", shown.join(", ")))
}
