//! Codes that log a browser in once: made for callers that may control the engine anyway, exchanged by the page for the token.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

/// How long a code is valid.
pub const VALID_FOR: Duration = Duration::from_secs(120);
/// Most valid codes; the oldest gives way.
const MAX_CODES: usize = 8;
/// Random bytes in a code.
const CODE_BYTES: usize = 24;

/// The valid codes, and the address of the page. Cheap to clone.
#[derive(Clone, Default)]
pub struct LoginCodes(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    page: Option<SocketAddr>,
    valid: VecDeque<Code>,
}

struct Code {
    text: String,
    /// The user of this machine whose programs may use it.
    user: Option<u32>,
    until: Instant,
}

impl LoginCodes {
    /// Sets the address of the page; `None`: it is not served.
    pub fn set_page(&self, page: Option<SocketAddr>) {
        self.inner().page = page;
    }

    /// The address of the page, if it is served.
    pub fn page(&self) -> Option<SocketAddr> {
        self.inner().page
    }

    /// A new code.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn issue(&self, user: Option<u32>, now: Instant) -> Result<String, getrandom::Error> {
        let mut random = [0_u8; CODE_BYTES];
        getrandom::fill(&mut random)?;
        let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut inner = self.inner();
        inner.valid.retain(|code| code.until > now);
        if inner.valid.len() >= MAX_CODES {
            inner.valid.pop_front();
        }
        inner.valid.push_back(Code {
            text: text.clone(),
            user,
            until: now + VALID_FOR,
        });
        Ok(text)
    }

    /// Uses up a code. `user` is the user behind the connection, where that is known; another one than the code's learned it
    /// in transit and gets nothing.
    pub fn redeem(&self, text: &str, user: Option<u32>, now: Instant) -> bool {
        let mut inner = self.inner();
        inner.valid.retain(|code| code.until > now);
        let found = inner
            .valid
            .iter()
            .position(|code| code.text.as_bytes().ct_eq(text.as_bytes()).into());
        let code = found.and_then(|at| inner.valid.remove(at));
        code.is_some_and(|code| match (code.user, user) {
            (Some(expected), Some(user)) => expected == user,
            _ => true,
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // No code panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_works_once_and_for_a_short_time() {
        let (codes, now) = (LoginCodes::default(), Instant::now());
        let code = codes.issue(None, now).unwrap();
        assert!(!codes.redeem("", None, now) && !codes.redeem(&code[1..], None, now));
        assert!(codes.redeem(&code, Some(7), now));
        assert!(!codes.redeem(&code, Some(7), now));
        let late = codes.issue(None, now).unwrap();
        assert!(!codes.redeem(&late, None, now + VALID_FOR));
    }

    #[test]
    fn a_code_that_another_user_tries_is_used_up() {
        let (codes, now) = (LoginCodes::default(), Instant::now());
        let code = codes.issue(Some(1000), now).unwrap();
        assert!(!codes.redeem(&code, Some(1001), now));
        assert!(!codes.redeem(&code, Some(1000), now));
        let code = codes.issue(Some(1000), now).unwrap();
        assert!(codes.redeem(&code, None, now));
    }

    #[test]
    fn codes_are_bounded_and_the_oldest_gives_way() {
        let (codes, now) = (LoginCodes::default(), Instant::now());
        let all: Vec<String> = (0..=MAX_CODES)
            .map(|_| codes.issue(None, now).unwrap())
            .collect();
        assert!(!codes.redeem(&all[0], None, now));
        assert!(codes.redeem(&all[1], None, now));
    }
}
