//! `No-Vary-Search`: which parts of the query do not change a response.

use sfv::{BareItem, Dictionary, ListEntry, Parser};
use url::form_urlencoded;

use super::fields::Fields;
use super::targeted::combined;

/// What a response says about queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoVarySearch {
    /// The order of parameters says nothing; that of values of one parameter still does.
    order_ignored: bool,
    ignored: Ignored,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ignored {
    These(Vec<String>),
    AllBut(Vec<String>),
}

impl NoVarySearch {
    /// Reads the field. `None` where it is absent, invalid, or says that all of the query matters.
    pub fn read(fields: &dyn Fields) -> Option<NoVarySearch> {
        let value = combined(fields, "no-vary-search")?;
        let dictionary: Dictionary = Parser::new(&value).parse().ok()?;
        let order_ignored = match dictionary.get("key-order") {
            None => false,
            Some(entry) => boolean(entry)?,
        };
        let except = match dictionary.get("except") {
            None => None,
            Some(entry) => Some(names(entry)?),
        };
        let ignored = match (dictionary.get("params"), except) {
            (None, None) => Ignored::These(Vec::new()),
            (Some(entry), except) => match (boolean(entry), except) {
                (Some(true), except) => Ignored::AllBut(except.unwrap_or_default()),
                (Some(false), None) => Ignored::These(Vec::new()),
                (None, None) => Ignored::These(names(entry)?),
                (_, Some(_)) => return None,
            },
            (None, Some(_)) => return None,
        };
        let rule = NoVarySearch {
            order_ignored,
            ignored,
        };
        let says_nothing = !order_ignored && rule.ignored == Ignored::These(Vec::new());
        (!says_nothing).then_some(rule)
    }

    /// Path and query in a form that is the same for all URLs with the same response. It is not sent anywhere.
    pub fn canonical(&self, path_and_query: &[u8]) -> Vec<u8> {
        let mut split = path_and_query.splitn(2, |&byte| byte == b'?');
        let path = split.next().unwrap_or_default();
        let query = split.next().unwrap_or_default();
        let mut pairs: Vec<_> = form_urlencoded::parse(query)
            .filter(|(name, _)| self.matters(name))
            .collect();
        if self.order_ignored {
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        [path, b"?", query.as_bytes()].concat()
    }

    /// Whether two URLs of one origin have the same response.
    pub fn same(&self, one: &[u8], other: &[u8]) -> bool {
        self.canonical(one) == self.canonical(other)
    }

    fn matters(&self, name: &str) -> bool {
        match &self.ignored {
            Ignored::These(names) => !names.iter().any(|ignored| ignored == name),
            Ignored::AllBut(names) => names.iter().any(|kept| kept == name),
        }
    }
}

fn boolean(entry: &ListEntry) -> Option<bool> {
    match entry {
        ListEntry::Item(item) => match item.bare_item {
            BareItem::Boolean(value) => Some(value),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    }
}

/// Strings, decoded as the names of a query are.
fn names(entry: &ListEntry) -> Option<Vec<String>> {
    let ListEntry::InnerList(list) = entry else {
        return None;
    };
    let name = |item: &sfv::Item| match &item.bare_item {
        BareItem::String(text) => Some(decoded(text.as_str())),
        _ => None,
    };
    list.items.iter().map(name).collect()
}

fn decoded(name: &str) -> String {
    // Ampersands and equals signs are a part of the name here.
    let name = name.replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(name.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}
