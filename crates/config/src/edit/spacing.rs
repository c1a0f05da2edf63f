//! The line breaks and comments around the entries of an array inside brackets.

use toml_edit::{Array, Value};

/// Line breaks and comments around the entries of an array. They move with the entry that they belong to.
pub(super) enum Spacing {
    OneLine,
    Lines {
        /// Before each entry, from its line's beginning on: own comments and the indent.
        leads: Vec<String>,
        /// Behind each entry and its comma, to the line's end: its comment.
        tails: Vec<String>,
        /// Before the first entry, behind the bracket.
        opening: String,
        /// Before the closing bracket, from its line's beginning on.
        closing: String,
    },
}

impl Spacing {
    pub(super) fn of(array: &Array) -> Self {
        let mut bare = array.clone();
        bare.decor_mut().clear();
        if !bare.to_string().contains(['\n', '#']) {
            return Self::OneLine;
        }
        let prefix = |value: &Value| {
            value
                .decor()
                .prefix()
                .and_then(|p| p.as_str())
                .unwrap_or("")
                .to_owned()
        };
        let trailing = array.trailing().as_str().unwrap_or("").to_owned();
        let mut split: Vec<(String, String)> = array
            .iter()
            .map(|value| at_line_end(&prefix(value)))
            .collect();
        split.push(at_line_end(&trailing));
        let (mut tails, mut leads): (Vec<String>, Vec<String>) = split.into_iter().unzip();
        let opening = tails.remove(0);
        let closing = leads.pop().unwrap_or_default();
        Self::Lines {
            leads,
            tails,
            opening,
            closing,
        }
    }

    pub(super) fn apply(self, array: &mut Array, pairs: &[Option<usize>]) {
        let Self::Lines {
            leads,
            tails,
            opening,
            closing,
        } = self
        else {
            respace(array);
            return;
        };
        // A new entry's line is indented as the last old one's.
        let indent = leads
            .last()
            .map(|lead| lead.rsplit('\n').next().unwrap_or("").to_owned());
        let fresh = indent.map_or_else(|| "\n  ".to_owned(), |indent| format!("\n{indent}"));
        let mut before = opening;
        for (value, pair) in array.iter_mut().zip(pairs) {
            let lead = pair.and_then(|i| leads.get(i)).unwrap_or(&fresh);
            value.decor_mut().set_prefix(after_comment(&before, lead));
            before = pair.and_then(|i| tails.get(i)).cloned().unwrap_or_default();
        }
        array.set_trailing(after_comment(&before, &closing));
    }
}

/// A comment ends its line.
fn after_comment(before: &str, lead: &str) -> String {
    let end = if before.contains('#') && !lead.starts_with('\n') {
        "\n"
    } else {
        ""
    };
    format!("{before}{end}{lead}")
}

/// What is left of a line, and what begins with the next.
fn at_line_end(text: &str) -> (String, String) {
    match text.find('\n').and_then(|at| text.split_at_checked(at)) {
        Some((tail, lead)) => (tail.to_owned(), lead.to_owned()),
        None => (String::new(), text.to_owned()),
    }
}

/// `["a", "b"]`: the spaces of entries that changed their place.
fn respace(array: &mut Array) {
    for (i, value) in array.iter_mut().enumerate() {
        value.decor_mut().set_prefix(if i == 0 { "" } else { " " });
        value.decor_mut().set_suffix("");
    }
    array.set_trailing("");
    array.set_trailing_comma(false);
}
