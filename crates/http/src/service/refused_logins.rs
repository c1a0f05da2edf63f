//! The 407 responses of one client connection: one row for each reason, written when the connection ends.
//!
//! A request without credentials that is followed by one with them is how HTTP asks for a login (RFC 9110 §11.7): it leaves no
//! row.

use privet_policy::{Protocol, Target};

use crate::head::{Method, RequestHead};

/// Writes a row: the target where it is known, the protocol, and what was refused.
pub type Recorder = Box<dyn Fn(Option<&Target>, Protocol, String) + Send + Sync>;

/// What was refused on a connection. Recorded when it is dropped.
pub struct RefusedLogins {
    recorder: Recorder,
    /// Of the last request, and whether that was CONNECT.
    target: Option<Target>,
    is_connect: bool,
    without_credentials: u32,
    wrong: u32,
}

impl RefusedLogins {
    pub fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            target: None,
            is_connect: false,
            without_credentials: 0,
            wrong: 0,
        }
    }

    /// Counts a request that is answered with 407.
    pub fn count(&mut self, head: &RequestHead) {
        self.target.clone_from(&head.target);
        self.is_connect = head.method == Method::Connect;
        let count = match head.proxy_authorization {
            Some(_) => &mut self.wrong,
            None => &mut self.without_credentials,
        };
        *count = count.saturating_add(1);
    }

    /// The client logged in: its request without credentials only asked for the challenge.
    pub fn accepted(&mut self) {
        self.without_credentials = 0;
    }
}

impl Drop for RefusedLogins {
    fn drop(&mut self) {
        let protocol = match self.is_connect {
            true => Protocol::Connect,
            false => Protocol::Http,
        };
        for (count, what) in [
            (self.wrong, "the user name or the password is wrong"),
            (
                self.without_credentials,
                "no user name and password were sent",
            ),
        ] {
            let fault = match count {
                0 => continue,
                1 => format!("login refused (407): {what}"),
                _ => format!("login refused (407), {count} times: {what}"),
            };
            (self.recorder)(self.target.as_ref(), protocol, fault);
        }
    }
}
