//! User names and passwords of SOCKS5 (RFC 1929) and HTTP Basic (RFC 7617), compared in constant time.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

/// RFC 1929: a name or password has at most 255 bytes.
const MAX_FIELD: usize = 255;

/// The configured users with their passwords. A login is known by the allocation of its user's name: a new password is a new
/// one, so that what was opened by the old one ends.
#[derive(Default)]
pub(crate) struct Users(Vec<User>);

struct User {
    name: Arc<str>,
    password: SecretString,
}

impl Users {
    /// Logins of `previous` whose password did not change go on.
    pub(crate) fn new(users: Vec<(String, SecretString)>, previous: Option<&Self>) -> Self {
        let known = |name: &str, password: &SecretString| {
            previous?.check(name.as_bytes(), password.expose_secret().as_bytes())
        };
        Self(
            users
                .into_iter()
                .map(|(name, password)| User {
                    name: known(&name, &password).unwrap_or_else(|| name.into()),
                    password,
                })
                .collect(),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a login, which [`Self::check`] named, still holds.
    pub(crate) fn holds(&self, login: &Arc<str>) -> bool {
        self.0.iter().any(|user| Arc::ptr_eq(&user.name, login))
    }

    /// The user of this name and password. Every user is compared in full, so the time taken depends on neither.
    pub(crate) fn check(&self, name: &[u8], password: &[u8]) -> Option<Arc<str>> {
        let mut found = None;
        for user in &self.0 {
            let same = equal(user.name.as_bytes(), name)
                & equal(user.password.expose_secret().as_bytes(), password);
            if bool::from(same) {
                found = Some(user.name.clone());
            }
        }
        found
    }
}

fn equal(a: &[u8], b: &[u8]) -> Choice {
    if a.len() > MAX_FIELD || b.len() > MAX_FIELD {
        return Choice::from(0);
    }
    padded(a).ct_eq(&padded(b)) & (a.len() as u64).ct_eq(&(b.len() as u64))
}

fn padded(text: &[u8]) -> [u8; MAX_FIELD] {
    let mut whole = [0; MAX_FIELD];
    for (to, from) in whole.iter_mut().zip(text) {
        *to = *from;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        with("wonder", None)
    }

    fn with(password: &str, previous: Option<&Users>) -> Users {
        let users = vec![
            ("alice".into(), password.to_string().into()),
            ("bob".into(), String::new().into()),
        ];
        Users::new(users, previous)
    }

    #[test]
    fn a_login_holds_until_its_password_changes() {
        let first = users();
        let login = |users: &Users, name: &str, password: &str| {
            users.check(name.as_bytes(), password.as_bytes()).unwrap()
        };
        let (alice, bob) = (login(&first, "alice", "wonder"), login(&first, "bob", ""));
        let same = with("wonder", Some(&first));
        assert!(same.holds(&alice) && same.holds(&bob));
        let changed = with("other", Some(&same));
        assert!(!changed.holds(&alice) && changed.holds(&bob));
        let back = with("wonder", Some(&changed));
        assert!(!back.holds(&alice) && back.holds(&login(&back, "alice", "wonder")));
    }

    #[test]
    fn a_login_needs_the_whole_name_and_the_whole_password() {
        let users = users();
        assert_eq!(users.check(b"alice", b"wonder").as_deref(), Some("alice"));
        for (name, password) in [
            ("alice", "wonde"),
            ("alice", "wonder\0"),
            ("alic", "wonder"),
            ("bob", "wonder"),
            ("", ""),
        ] {
            assert_eq!(
                users.check(name.as_bytes(), password.as_bytes()),
                None,
                "{name}:{password}"
            );
        }
        assert_eq!(users.check(&[b'a'; 300], &[b'b'; 300]), None);
    }
}
