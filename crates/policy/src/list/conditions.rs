//! `!#if … !#else … !#endif` in adblock lists: which lines are meant for a program like this one.

/// The deepest nesting that is followed; blocks below it are left out.
const MAX_DEPTH: usize = 16;

/// The open blocks: whether each is taken.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    open: Vec<bool>,
    /// Open blocks beyond [`MAX_DEPTH`].
    deeper: usize,
}

impl Conditions {
    /// Follows a directive; `false`: the line is none.
    pub(super) fn directive(&mut self, text: &str) -> bool {
        let Some(directive) = text.strip_prefix("!#") else {
            return false;
        };
        let (word, rest) = directive.split_at(
            directive
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(directive.len()),
        );
        match word {
            "if" if self.open.len() == MAX_DEPTH => self.deeper += 1,
            "if" => self.open.push(holds(rest)),
            "else" if self.deeper == 0 => {
                if let Some(taken) = self.open.last_mut() {
                    *taken = !*taken;
                }
            }
            "endif" if self.deeper > 0 => self.deeper -= 1,
            "endif" => drop(self.open.pop()),
            _ => {}
        }
        true
    }

    /// The lines that follow are left out.
    pub(super) fn skip(&self) -> bool {
        self.deeper > 0 || self.open.contains(&false)
    }
}

/// The value of a condition. The names are those of browsers, extensions and their abilities; here none of them holds. An
/// expression that cannot be read does not hold.
fn holds(text: &str) -> bool {
    let mut parser = Parser {
        rest: text.trim(),
        depth: 0,
    };
    let value = parser.any();
    value.unwrap_or(false) && parser.rest.is_empty()
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Option<bool> {
        let mut value = self.all()?;
        while self.eat("||") {
            value |= self.all()?;
        }
        Some(value)
    }

    fn all(&mut self) -> Option<bool> {
        let mut value = self.one()?;
        while self.eat("&&") {
            value &= self.one()?;
        }
        Some(value)
    }

    fn one(&mut self) -> Option<bool> {
        let mut negated = false;
        while self.eat("!") {
            negated = !negated;
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = if self.eat("(") {
            let value = self.any()?;
            self.eat(")").then_some(value)?
        } else {
            self.name()?
        };
        self.depth -= 1;
        Some(value != negated)
    }

    fn name(&mut self) -> Option<bool> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        (!name.is_empty()).then_some(name == "true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_browser_is_here() {
        for (text, want) in [
            (" env_firefox", false),
            (" !env_firefox", true),
            (" !env_mobile && !cap_html_filtering", true),
            (" (env_chromium || !ext_ublock)", true),
            (" adguard && !adguard_ext_safari", false),
            (" true", true),
            (" (", false),
            ("", false),
            (" a b", false),
            (" !((((((((((((((((((((((a", false),
        ] {
            assert_eq!(holds(text), want, "{text}");
        }
    }

    #[test]
    fn blocks_nest() {
        let mut conditions = Conditions::default();
        let mut skips = Vec::new();
        for line in [
            "!#if env_firefox",
            "!#if true",
            "!#else",
            "!#endif",
            "!#else",
            "!#endif",
            "!#endif",
        ] {
            assert!(conditions.directive(line));
            skips.push(conditions.skip());
        }
        assert_eq!(skips, [true, true, true, true, false, false, false]);
        assert!(!conditions.directive("! comment"));
    }
}
