//! Header fields as the rules read them: pairs of name and value, in order.

use memchr::memchr;
use smallvec::SmallVec;

/// The field lines of one head, in order. Names are in any case; values have no line break.
pub trait Fields {
    /// Calls `visit` with the name and the value of each field line.
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8]));

    /// False where there is surely no field called `name` (in lower case).
    fn may_have(&self, _name: &str) -> bool {
        true
    }
}

impl Fields for [(&[u8], &[u8])] {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        for (name, value) in self {
            visit(name, value);
        }
    }
}

impl Fields for [(&str, &str)] {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        for (name, value) in self {
            visit(name.as_bytes(), value.as_bytes());
        }
    }
}

impl<const N: usize> Fields for [(&str, &str); N] {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        self.as_slice().for_each(visit);
    }
}

impl<F: Fields + ?Sized> Fields for &F {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        (**self).for_each(visit);
    }

    fn may_have(&self, name: &str) -> bool {
        (**self).may_have(name)
    }
}

/// Field lines as bytes: `name: value\r\n` each. A line without a colon is skipped.
#[derive(Debug, Clone, Copy)]
pub struct FieldLines<'b>(pub &'b [u8]);

impl<'b> FieldLines<'b> {
    /// Pairs of name and value.
    pub fn iter(self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let end = memchr(b'\n', rest)?;
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            Some(line.strip_suffix(b"\r").unwrap_or(line))
        })
        .filter_map(|line| {
            let (name, value) = line.split_at(memchr(b':', line)?);
            Some((name, trim(value.get(1..).unwrap_or_default())))
        })
    }
}

impl<'b> FieldLines<'b> {
    /// The value of the first line called `name`.
    pub fn get(self, name: &str) -> Option<&'b [u8]> {
        let mut rest = self.0;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            if let Some((found, [b':', value @ ..])) = line.split_at_checked(name.len())
                && found.eq_ignore_ascii_case(name.as_bytes())
            {
                return Some(trim(value.strip_suffix(b"\r").unwrap_or(value)));
            }
            rest = after.get(1..).unwrap_or_default();
        }
        None
    }
}

impl Fields for FieldLines<'_> {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        for (name, value) in self.iter() {
            visit(name, value);
        }
    }
}

/// Field lines whose names and values were found once, for rules that look at them many times.
#[derive(Debug)]
pub struct FoundFields<'b> {
    fields: SmallVec<[(&'b [u8], &'b [u8]); 16]>,
    /// The [`name_bit`] of each name.
    names: u64,
}

impl<'b> FoundFields<'b> {
    /// Those of [`FieldLines`].
    pub fn of(lines: &'b [u8]) -> FoundFields<'b> {
        let fields: SmallVec<[(&[u8], &[u8]); 16]> = FieldLines(lines).iter().collect();
        let names = fields
            .iter()
            .fold(0, |bits, (name, _)| bits | name_bit(name));
        FoundFields { fields, names }
    }
}

/// One of 64 bits, by the length and the first letter of a field's name.
fn name_bit(name: &[u8]) -> u64 {
    let first = name.first().map_or(0, u8::to_ascii_lowercase);
    1 << ((name.len() * 5 + usize::from(first)) % 64)
}

impl Fields for FoundFields<'_> {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        for (name, value) in &self.fields {
            visit(name, value);
        }
    }

    fn may_have(&self, name: &str) -> bool {
        self.names & name_bit(name.as_bytes()) != 0
    }
}

/// Calls `visit` with the value of each field line called `name` (in lower case).
pub fn for_each_named<'a, F: Fields + ?Sized>(
    fields: &'a F,
    name: &str,
    mut visit: impl FnMut(&'a [u8]),
) {
    if !fields.may_have(name) {
        return;
    }
    fields.for_each(&mut |found, value| {
        if found.eq_ignore_ascii_case(name.as_bytes()) {
            visit(value);
        }
    });
}

/// The first value of the field called `name`.
pub fn first<'a, F: Fields + ?Sized>(fields: &'a F, name: &str) -> Option<&'a [u8]> {
    let mut first = None;
    for_each_named(fields, name, |value| first = first.or(Some(value)));
    first
}

/// The value of the field called `name` where there is exactly one line of it.
pub fn single<'a, F: Fields + ?Sized>(fields: &'a F, name: &str) -> Option<&'a [u8]> {
    let (mut value, mut lines) = (None, 0_u32);
    for_each_named(fields, name, |line| {
        value = Some(line);
        lines += 1;
    });
    value.filter(|_| lines == 1)
}

/// Appends `name: value\r\n`.
pub fn write_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal digits.
pub fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// Without spaces and tabs at both ends.
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[u8] =
        b"Date: x\r\ncolonless\r\nETag:\ty \r\nX-Empty:\r\ndate: z\r\nDated: no\r\nVary : a\r\n";

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let lines = FieldLines(LINES);
        for name in [
            "date",
            "etag",
            "x-empty",
            "dated",
            "dat",
            "vary",
            "colonless",
            "x",
        ] {
            let first = lines
                .iter()
                .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
            assert_eq!(lines.get(name), first.map(|(_, value)| value), "{name}");
        }
        assert_eq!(lines.get("etag"), Some(&b"y"[..]));
    }

    #[test]
    fn fields_that_are_there_may_be_there() {
        let found = FoundFields::of(LINES);
        for name in ["date", "etag", "x-empty", "dated"] {
            assert!(
                found.may_have(name) && first(&found, name).is_some(),
                "{name}"
            );
        }
        for name in ["cache-control", "set-cookie", "expires"] {
            assert!(
                !found.may_have(name) && first(&found, name).is_none(),
                "{name}"
            );
        }
    }
}
