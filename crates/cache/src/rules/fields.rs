//! Header fields as the rules read them: pairs of name and value, in order.

use memchr::memchr;
use smallvec::SmallVec;

/// The field lines of one head, in order. Names are in any case; values have no line break.
pub trait Fields {
    /// Calls `visit` with the name and the value of each field line.
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8]));
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

impl Fields for FieldLines<'_> {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        for (name, value) in self.iter() {
            visit(name, value);
        }
    }
}

/// Field lines whose names and values were found once, for rules that look at them many times.
#[derive(Debug)]
pub struct FoundFields<'b>(SmallVec<[(&'b [u8], &'b [u8]); 16]>);

impl<'b> FoundFields<'b> {
    /// Those of [`FieldLines`].
    pub fn of(lines: &'b [u8]) -> FoundFields<'b> {
        FoundFields(FieldLines(lines).iter().collect())
    }
}

impl Fields for FoundFields<'_> {
    fn for_each<'a>(&'a self, visit: &mut dyn FnMut(&'a [u8], &'a [u8])) {
        for (name, value) in &self.0 {
            visit(name, value);
        }
    }
}

/// Calls `visit` with the value of each field line called `name` (in lower case).
pub fn for_each_named<'a, F: Fields + ?Sized>(
    fields: &'a F,
    name: &str,
    mut visit: impl FnMut(&'a [u8]),
) {
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
