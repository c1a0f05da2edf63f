//! Finds for each wanted entry of an array the old entry that it continues, so that entries that stay keep their text.

use serde_json::Value as Json;

type Matches<'a> = &'a dyn Fn(&Json, &Json) -> bool;

/// For each wanted entry the index of the old one that it continues: the one with its name, else an equal one, else, for
/// entries without a name, the one at the same index if nothing else continues it.
pub(super) fn continued(old: &[Json], wanted: &[Json]) -> Vec<Option<usize>> {
    let name = |json: &Json| json.get("name").and_then(Json::as_str).map(str::to_owned);
    let mut free = vec![true; old.len()];
    let mut pairs: Vec<Option<usize>> = vec![None; wanted.len()];
    // Most changes concern one entry: equal entries before and after it are found without a search.
    let before = old
        .iter()
        .zip(wanted)
        .take_while(|(old, new)| old == new)
        .count();
    let rest = old.len().min(wanted.len()) - before;
    let after = old
        .iter()
        .rev()
        .zip(wanted.iter().rev())
        .take(rest)
        .take_while(|(old, new)| old == new)
        .count();
    for (i, pair) in pairs.iter_mut().enumerate() {
        *pair = match wanted.len() - i {
            _ if i < before => Some(i),
            to_end if to_end <= after => Some(old.len() - to_end),
            _ => None,
        };
        take(&mut free, *pair);
    }
    let named_alike = |old: &Json, new: &Json| name(old).is_some() && name(old) == name(new);
    let rounds: [Matches<'_>; 2] = [&named_alike, &|old, new| old == new];
    for fits in rounds {
        for (entry, pair) in wanted
            .iter()
            .zip(&mut pairs)
            .filter(|(_, pair)| pair.is_none())
        {
            *pair = old
                .iter()
                .zip(&free)
                .position(|(old, free)| *free && fits(old, entry));
            take(&mut free, *pair);
        }
    }
    for (i, (entry, pair)) in wanted.iter().zip(&mut pairs).enumerate() {
        let nameless = |json: &Json| json.is_object() && name(json).is_none();
        let here = old.get(i).is_some_and(nameless) && free.get(i) == Some(&true);
        if pair.is_none() && here && nameless(entry) {
            *pair = Some(i);
            take(&mut free, *pair);
        }
    }
    pairs
}

fn take(free: &mut [bool], at: Option<usize>) {
    if let Some(free) = at.and_then(|i| free.get_mut(i)) {
        *free = false;
    }
}
