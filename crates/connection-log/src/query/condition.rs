//! One term of a query as a condition on rows.

use super::matching::{Text, covers};
use crate::connection::{CloseReason, listener_word, protocol_word, why_word};
use crate::fields::Field;
use crate::row::Phase;
use crate::view::RowRef;

#[derive(Debug, Clone)]
pub(super) struct Term {
    pub negated: bool,
    pub condition: Condition,
}

#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// A word without a field: in the host or the program's name.
    Word(Text),
    Text(Field, Text),
    Among(Field, &'static str),
    Compare(Field, Compare, f64),
    Range(Field, f64, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    /// `:`; in a text, anywhere.
    Equal,
    /// `=`; in a text, the whole of it.
    Whole,
    More,
    Less,
    AtLeast,
    AtMost,
}

impl Condition {
    pub fn holds(&self, entry: &RowRef<'_>) -> bool {
        match self {
            Self::Word(text) => {
                let host = &entry.row.target().host;
                text.is_in_host(host) || entry.row.app().is_some_and(|app| text.is_in(&app.name))
            }
            Self::Text(field, text) => text_holds(*field, text, entry),
            Self::Among(field, word) => {
                word_of(*field, entry).is_some_and(|actual| covers(*field, word, actual))
            }
            Self::Compare(field, compare, wanted) => {
                number_of(*field, entry).is_some_and(|actual| compare.holds(actual, *wanted))
            }
            Self::Range(field, low, high) => {
                number_of(*field, entry).is_some_and(|actual| *low <= actual && actual <= *high)
            }
        }
    }
}

impl Compare {
    fn holds(self, actual: f64, wanted: f64) -> bool {
        match self {
            Self::Equal | Self::Whole => actual == wanted,
            Self::More => actual > wanted,
            Self::Less => actual < wanted,
            Self::AtLeast => actual >= wanted,
            Self::AtMost => actual <= wanted,
        }
    }
}

fn text_holds(field: Field, text: &Text, entry: &RowRef<'_>) -> bool {
    let row = entry.row;
    let maybe = |value: Option<&str>| text.is_in(value.unwrap_or(""));
    match field {
        Field::App => maybe(row.app().map(|app| &*app.name)),
        Field::Path => maybe(row.app().and_then(|app| app.path.as_deref())),
        Field::Host => text.is_in_host(&row.target().host),
        Field::Remote => match row.remote() {
            Some(remote) => text.is_in(&remote.to_string()),
            None => maybe(None),
        },
        Field::Client => text.is_in(&row.client().to_string()),
        Field::User => maybe(row.user().map(|user| &**user)),
        Field::Reason => text.is_in(&row.why().text),
        Field::Route => text.is_in(row.route()),
        Field::Error => maybe(entry.error()),
        Field::InspectionWhy => maybe(entry.inspection_why()),
        _ => false,
    }
}

fn word_of(field: Field, entry: &RowRef<'_>) -> Option<&'static str> {
    match field {
        Field::Listener => Some(listener_word(entry.row.listener())),
        Field::Proto => Some(protocol_word(entry.row.protocol())),
        Field::Verdict => Some(entry.verdict().word()),
        Field::Rule => Some(why_word(entry.row.why().kind)),
        Field::CloseReason => entry.end().map(CloseReason::word),
        Field::Inspection => entry.inspection(),
        _ => None,
    }
}

fn number_of(field: Field, entry: &RowRef<'_>) -> Option<f64> {
    let row = entry.row;
    match field {
        Field::Pid => row.app().map(|app| f64::from(app.pid)),
        Field::Port => Some(f64::from(row.target().port)),
        Field::Up => Some(row.up_bytes() as f64),
        Field::Down => Some(row.down_bytes() as f64),
        Field::UpSpeed => Some(f64::from(entry.up_speed())),
        Field::DownSpeed => Some(f64::from(entry.down_speed())),
        Field::Age => Some(entry.age_ms() as f64),
        Field::Dns => entry.phase_ms(Phase::Dns),
        Field::Connect => entry.phase_ms(Phase::Connect),
        Field::Tls => entry.phase_ms(Phase::Tls),
        Field::FirstByte => entry.phase_ms(Phase::FirstByte),
        Field::Requests => Some(f64::from(row.requests())),
        Field::Id => Some(row.id as f64),
        _ => None,
    }
}
