//! What is wrong while the engine runs on: shown by status, doctor and the window, each with its mend.

use std::sync::Mutex;

use serde::Serialize;

/// At most so many problems are kept; a new one past that drops the oldest.
const MOST: usize = 64;

/// One thing that is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it is about, as a stable key: "list:ads", "listen:pac", "connection_log".
    pub about: String,
    pub text: String,
    pub mend: String,
}

/// The open problems, one per `about`.
#[derive(Debug, Default)]
pub struct Problems(Mutex<Vec<Problem>>);

impl Problems {
    pub fn raise(
        &self,
        about: impl Into<String>,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) {
        let problem = Problem {
            about: about.into(),
            text: text.into(),
            mend: mend.into(),
        };
        tracing::warn!(about = %problem.about, mend = %problem.mend, "{}", problem.text);
        let Ok(mut all) = self.0.lock() else { return };
        all.retain(|other| other.about != problem.about);
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(problem);
    }

    /// As [`Problems::raise`]; what stands already in these words is not said again.
    pub fn raise_once(
        &self,
        about: impl Into<String>,
        text: impl Into<String>,
        mend: impl Into<String>,
    ) {
        let (about, text, mend) = (about.into(), text.into(), mend.into());
        let known = self.all();
        let said =
            |known: &Problem| known.about == about && known.text == text && known.mend == mend;
        if !known.iter().any(said) {
            self.raise(about, text, mend);
        }
    }

    pub fn settle(&self, about: &str) {
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
    fn a_problem_is_kept_once_per_matter_and_goes_when_settled() {
        let problems = Problems::default();
        problems.raise("list:ads", "not read", "look at the path");
        problems.raise("list:ads", "not read again", "look at the path");
        assert_eq!(problems.all().len(), 1);
        problems.settle("list:ads");
        assert!(problems.all().is_empty());
    }

    #[test]
    fn problems_are_bounded_and_the_oldest_goes_first() {
        let problems = Problems::default();
        for n in 0..MOST + 3 {
            problems.raise(format!("p{n}"), "x", "y");
        }
        assert_eq!(problems.all().len(), MOST);
        assert_eq!(problems.all()[0].about, "p3");
    }
}
