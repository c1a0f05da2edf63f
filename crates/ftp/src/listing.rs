//! Lines of a directory listing: as `ls -l` writes them, which nearly every server does, or as Windows servers do.

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Folder,
    Link,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub name: &'a [u8],
    pub kind: EntryKind,
    pub size: Option<u64>,
    /// As the server writes it.
    pub date: &'a [u8],
}

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Reads one line without its end. `None`: it is no entry in a known form.
pub fn parse_line(line: &[u8]) -> Option<Entry<'_>> {
    let entry = unix(line).or_else(|| windows(line))?;
    let shown = !entry.name.is_empty() && entry.name != b"." && entry.name != b"..";
    shown.then_some(entry)
}

/// `drwxr-xr-x 2 owner group 4096 Nov 29 20:00 name`; owner and group may be missing.
fn unix(line: &[u8]) -> Option<Entry<'_>> {
    let kind = match line.first()? {
        b'd' => EntryKind::Folder,
        b'l' => EntryKind::Link,
        b'-' | b'b' | b'c' | b'p' | b's' => EntryKind::File,
        _ => return None,
    };
    let mut size = None;
    let mut at = 0;
    while let Some((word, start)) = word(line, at) {
        at = start + word.len();
        if size.is_some()
            && let Some((end, name)) = after_month(line, word, at)
        {
            return Some(Entry {
                name: match kind {
                    EntryKind::Link => without_target(name),
                    _ => name,
                },
                kind,
                size,
                date: line.get(start..end)?,
            });
        }
        size = number(word);
    }
    None
}

/// Where a date ends that begins with this word, and the name behind it. `None`: the word is no month, but an owner's name.
fn after_month<'a>(line: &'a [u8], word: &[u8], at: usize) -> Option<(usize, &'a [u8])> {
    let is_month = MONTHS.iter().any(|month| word.eq_ignore_ascii_case(month));
    let (day, day_at) = self::word(line, at).filter(|_| is_month)?;
    let (time, time_at) = self::word(line, day_at + day.len())?;
    let digits = |text: &[u8]| {
        text.iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b':')
    };
    if !digits(day) || !digits(time) {
        return None;
    }
    let end = time_at + time.len();
    Some((end, line.get(end + 1..)?))
}

/// `11-29-26  08:00PM       <DIR>          name`, or a size instead of `<DIR>`.
fn windows(line: &[u8]) -> Option<Entry<'_>> {
    let (day, start) = word(line, 0)?;
    let dashes = day.iter().filter(|&&byte| byte == b'-').count();
    let digits = day
        .iter()
        .all(|&byte| byte == b'-' || byte.is_ascii_digit());
    if start != 0 || dashes != 2 || !digits {
        return None;
    }
    let (time, time_at) = word(line, day.len())?;
    let end = time_at + time.len();
    let (what, what_at) = word(line, end)?;
    let (kind, size) = match what {
        b"<DIR>" => (EntryKind::Folder, None),
        _ => (EntryKind::File, Some(number(what)?)),
    };
    Some(Entry {
        name: line.get(what_at + what.len()..)?.trim_ascii_start(),
        kind,
        size,
        date: line.get(..end)?,
    })
}

/// The next word from `at`, with its position.
fn word(line: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = line.get(at..)?;
    let skipped = rest.iter().position(|&byte| byte != b' ')?;
    let rest = rest.get(skipped..)?;
    let end = rest.iter().position(|&byte| byte == b' ');
    Some((rest.get(..end.unwrap_or(rest.len()))?, at + skipped))
}

fn number(word: &[u8]) -> Option<u64> {
    let digits = word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

/// "name -> target" without the target.
fn without_target(name: &[u8]) -> &[u8] {
    let arrow = name.windows(4).position(|window| window == b" -> ");
    arrow.and_then(|at| name.get(..at)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Option<(String, EntryKind, Option<u64>, String)> {
        let entry = parse_line(line.as_bytes())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((text(entry.name), entry.kind, entry.size, text(entry.date)))
    }

    #[test]
    fn both_forms_of_listings_are_read() {
        use EntryKind::{File, Folder, Link};
        for (line, name, kind, size, date) in [
            (
                "-rw-r--r--   1 bob  users  1234 Nov 29 20:00 a  b.txt",
                "a  b.txt",
                File,
                Some(1234),
                "Nov 29 20:00",
            ),
            (
                "drwxr-xr-x 2 0 0 4096 Jan  5  2024 sub",
                "sub",
                Folder,
                Some(4096),
                "Jan  5  2024",
            ),
            (
                "lrwxrwxrwx 1 a b 7 Feb 01 10:00 link -> sub/x",
                "link",
                Link,
                Some(7),
                "Feb 01 10:00",
            ),
            (
                "-rw-rw-rw- 1 owner 9 May 3 2020 no group",
                "no group",
                File,
                Some(9),
                "May 3 2020",
            ),
            (
                "-rw-r--r-- 1 May May 5 Jun 3 2020 Jul 1 2021 x",
                "Jul 1 2021 x",
                File,
                Some(5),
                "Jun 3 2020",
            ),
            (
                "11-29-26  08:00PM       <DIR>          Program Files",
                "Program Files",
                Folder,
                None,
                "11-29-26  08:00PM",
            ),
            (
                "11-29-26  08:00PM              1234 a.txt",
                "a.txt",
                File,
                Some(1234),
                "11-29-26  08:00PM",
            ),
        ] {
            let want = Some((name.to_owned(), kind, size, date.to_owned()));
            assert_eq!(read(line), want, "{line}");
        }
        for line in [
            "total 8",
            "",
            "d",
            "drwxr-xr-x 2 0 0 4096 Jan 5 2024 ..",
            "hello there",
            "-rw Jan 5",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse_line(&line);
        }
    }
}
