//! Open problems of the running engine, shown by status, doctor and the window, each with a fix.

use std::sync::Mutex;

/// Maximum number of problems; a further one drops the oldest.
const MAX_PROBLEMS: usize = 64;

/// A problem and its fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable key of the subject: "list:ads", "listen:pac", "connection_log".
    pub about: String,
    pub text: String,
    pub fix: String,
}

/// The open problems, one per `about`.
#[derive(Debug, Default)]
pub struct Problems(Mutex<Vec<Problem>>);

impl Problems {
    /// Opens a problem, in the place of an earlier one about the same subject, and logs it.
    pub fn raise(&self, about: impl Into<String>, text: impl Into<String>, fix: impl Into<String>) {
        let problem = Problem {
            about: about.into(),
            text: text.into(),
            fix: fix.into(),
        };
        tracing::warn!(about = %problem.about, fix = %problem.fix, "{}", problem.text);
        let Ok(mut all) = self.0.lock() else { return };
        all.retain(|other| other.about != problem.about);
        if all.len() >= MAX_PROBLEMS {
            all.remove(0);
        }
        all.push(problem);
    }

    /// As [`Problems::raise`], unless the same problem is open with the same text.
    pub fn raise_if_new(
        &self,
        about: impl Into<String>,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let (about, text, fix) = (about.into(), text.into(), fix.into());
        let known = self.all();
        let is_same =
            |known: &Problem| known.about == about && known.text == text && known.fix == fix;
        if !known.iter().any(is_same) {
            self.raise(about, text, fix);
        }
    }

    /// Closes the problem about `about`, if there is one.
    pub fn clear(&self, about: &str) {
        if let Ok(mut all) = self.0.lock() {
            all.retain(|problem| problem.about != about);
        }
    }

    pub fn all(&self) -> Vec<Problem> {
        self.0.lock().map(|all| all.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_kept_once_per_subject_until_cleared() {
        let problems = Problems::default();
        problems.raise("list:ads", "not read", "look at the path");
        problems.raise("list:ads", "not read again", "look at the path");
        assert_eq!(problems.all().len(), 1);
        problems.clear("list:ads");
        assert!(problems.all().is_empty());
    }

    #[test]
    fn problems_are_bounded_and_the_oldest_is_dropped_first() {
        let problems = Problems::default();
        for n in 0..MAX_PROBLEMS + 3 {
            problems.raise(format!("p{n}"), "x", "y");
        }
        assert_eq!(problems.all().len(), MAX_PROBLEMS);
        assert_eq!(problems.all()[0].about, "p3");
    }
}
