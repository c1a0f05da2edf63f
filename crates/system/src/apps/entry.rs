//! Parses one desktop entry and its `Exec=` line. The file is untrusted: an invalid one is ignored.

use std::iter::Peekable;
use std::str::Chars;

/// Maximum of arguments in `Exec=`, and of bytes in each.
const MAX_WORDS: usize = 64;
const MAX_WORD: usize = 4096;

/// The session's languages and desktops.
#[derive(Debug, Clone, Default)]
pub struct MenuSession {
    /// Language tags as in keys, the best first: "de_DE", "de".
    pub languages: Vec<String>,
    /// As in `XDG_CURRENT_DESKTOP`.
    pub desktops: Vec<String>,
}

/// A parsed entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DesktopEntry {
    pub name: String,
    pub exec: Vec<String>,
    pub try_exec: Option<String>,
    pub folder: Option<String>,
    pub icon: Option<String>,
    pub terminal: bool,
    /// Whether a menu of this session shows it.
    pub is_shown: bool,
}

impl MenuSession {
    pub fn of_env() -> Self {
        let read = |name| std::env::var(name).unwrap_or_default();
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .map(read)
            .find(|locale| !locale.is_empty())
            .unwrap_or_default();
        let tag = locale.split(['.', '@']).next().unwrap_or_default();
        let language = tag.split('_').next().unwrap_or_default();
        let desktops = read("XDG_CURRENT_DESKTOP");
        Self {
            languages: [tag, language].map(str::to_owned).to_vec(),
            desktops: desktops.split(':').map(str::to_owned).collect(),
        }
    }

    fn names(&self, list: &str) -> bool {
        list.split(';')
            .any(|one| !one.is_empty() && self.desktops.iter().any(|desktop| desktop == one))
    }
}

/// Parses the first group of a file. `None` if it is no application, or has no name or program.
pub fn parse(text: &str, session: &MenuSession) -> Option<DesktopEntry> {
    let mut lines = text
        .lines()
        .map(str::trim)
        .skip_while(|line| line.is_empty() || line.starts_with('#'));
    if lines.next()? != "[Desktop Entry]" {
        return None;
    }
    let keys: Vec<(&str, &str)> = lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    let raw = |name: &str| {
        let found = keys.iter().find(|(key, _)| *key == name);
        found
            .map(|(_, value)| *value)
            .filter(|value| !value.is_empty())
    };
    let is = |name: &str| raw(name) == Some("true");
    if raw("Type") != Some("Application") {
        return None;
    }
    let translated = session.languages.iter().filter(|tag| !tag.is_empty());
    let name = translated
        .filter_map(|tag| raw(&format!("Name[{tag}]")))
        .chain(raw("Name"))
        .next()?;
    Some(DesktopEntry {
        name: plain(name),
        exec: words(&plain(raw("Exec")?), &plain(name))?,
        try_exec: raw("TryExec").map(plain),
        folder: raw("Path").map(plain),
        icon: raw("Icon").map(plain),
        terminal: is("Terminal"),
        is_shown: !is("NoDisplay")
            && !is("Hidden")
            && raw("OnlyShowIn").is_none_or(|list| session.names(list))
            && !raw("NotShowIn").is_some_and(|list| session.names(list)),
    })
}

/// Undoes the escapes of a string value.
fn plain(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('s') => text.push(' '),
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some(other @ ('\\' | ';')) => text.push(other),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

/// Splits `Exec=` as the specification's section "The Exec key" says and drops field codes, since no file is opened.
/// `None` where a quote is not closed, or there is no argument or too many.
fn words(exec: &str, name: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut letters = exec.chars().peekable();
    loop {
        match next_argument(&mut letters, name)? {
            NextArgument::Argument(word) => words.push(word),
            NextArgument::Dropped => {}
            NextArgument::End => break,
        }
        if words.len() > MAX_WORDS {
            return None;
        }
    }
    (!words.is_empty()
        && words
            .iter()
            .all(|word| word.len() <= MAX_WORD && !word.contains('\0')))
    .then_some(words)
}

enum NextArgument {
    Argument(String),
    /// An argument that was only a field code.
    Dropped,
    End,
}

/// `None` where a quote is not closed.
fn next_argument(letters: &mut Peekable<Chars<'_>>, name: &str) -> Option<NextArgument> {
    while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    if letters.peek().is_none() {
        return Some(NextArgument::End);
    }
    let (mut word, mut is_argument) = (String::new(), false);
    while let Some(letter) = letters.next_if(|letter| !letter.is_whitespace()) {
        match letter {
            '"' => quoted(letters, &mut word)?,
            '%' => match letters.next() {
                Some('%') => word.push('%'),
                Some('c') => word.push_str(name),
                // Files and URLs to open, the icon, the entry's file, and deprecated codes.
                _ => continue,
            },
            other => word.push(other),
        }
        is_argument = true;
    }
    Some(if is_argument {
        NextArgument::Argument(word)
    } else {
        NextArgument::Dropped
    })
}

fn quoted(letters: &mut Peekable<Chars<'_>>, word: &mut String) -> Option<()> {
    loop {
        match letters.next()? {
            '"' => return Some(()),
            '\\' => word.push(letters.next()?),
            // Field codes are not allowed in quotes; a percent sign is doubled there too.
            '%' => {
                let _ = letters.next_if_eq(&'%');
                word.push('%');
            }
            other => word.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(keys: &str) -> Option<DesktopEntry> {
        let session = MenuSession {
            languages: vec!["de_AT".to_owned(), "de".to_owned()],
            desktops: vec!["ubuntu".to_owned(), "GNOME".to_owned()],
        };
        let text = format!(
            "# a menu's\n\n[Desktop Entry]\n{keys}\n[Desktop Action new]\nName=New\nExec=other\n"
        );
        parse(&text, &session)
    }

    #[test]
    fn an_entry_is_read_in_the_readers_language() {
        let keys = "Type=Application\nName=Maps\nName[de]=Karten\nName[fr]=Cartes\nExec=maps --open %U\nIcon=org.maps\nPath=/opt";
        let read = entry(keys).unwrap();
        assert_eq!((read.name.as_str(), read.is_shown), ("Karten", true));
        assert_eq!(read.exec, ["maps", "--open"]);
        assert_eq!(read.icon.as_deref(), Some("org.maps"));
    }

    #[test]
    fn entries_that_are_no_application_or_for_other_menus_are_not_shown() {
        assert_eq!(entry("Type=Link\nName=a\nExec=a"), None);
        assert_eq!(entry("Type=Application\nName=a"), None);
        assert_eq!(entry("Type=Application\nExec=a"), None);
        assert_eq!(parse("Name=a\nExec=a", &MenuSession::default()), None);
        for (keys, shown) in [
            ("NoDisplay=true", false),
            ("Hidden=true", false),
            ("OnlyShowIn=KDE;", false),
            ("OnlyShowIn=GNOME;KDE;", true),
            ("NotShowIn=GNOME;", false),
            ("NotShowIn=KDE;", true),
        ] {
            let read = entry(&format!("Type=Application\nName=a\nExec=a\n{keys}")).unwrap();
            assert_eq!(read.is_shown, shown, "{keys}");
        }
    }

    #[test]
    fn exec_is_split_as_the_specification_says() {
        for (exec, split) in [
            ("a", Some(vec!["a"])),
            ("  a  b\tc ", Some(vec!["a", "b", "c"])),
            (r#""a b" c"#, Some(vec!["a b", "c"])),
            (
                r#"a "say \\"x\\" \\$HOME \\\\" %f"#,
                Some(vec!["a", r#"say "x" $HOME \"#]),
            ),
            (
                "a %F --t=%u 100%% %c %i",
                Some(vec!["a", "--t=", "100%", "maps"]),
            ),
            (r#"a """#, Some(vec!["a", ""])),
            (r#"a "open"#, None),
            ("%U", None),
            ("", None),
        ] {
            let split = split.map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(words(&plain(exec), "maps"), split, "{exec}");
        }
        assert_eq!(words(&"a ".repeat(MAX_WORDS + 2), ""), None);
    }

    proptest! {
        #[test]
        fn no_input_panics(text in "\\PC{0,200}", exec in "[a-z%\"\\\\ ]{0,60}") {
            let session = MenuSession::default();
            let _ = parse(&text, &session);
            let whole = format!("[Desktop Entry]\nType=Application\nName=a\nExec={exec}\n{text}");
            if let Some(read) = parse(&whole, &session) {
                prop_assert!(!read.exec.is_empty() && read.exec.len() <= MAX_WORDS);
            }
        }

        #[test]
        fn quoted_arguments_are_read_back(words_ in proptest::collection::vec("\\PC{0,20}", 1..6)) {
            let all: Vec<&str> = words_.iter().map(String::as_str).collect();
            let text = crate::login::entry("a", &all);
            let read = parse(&text, &MenuSession::default()).map(|read| read.exec);
            prop_assert_eq!(read, Some(words_.clone()));
        }
    }
}
