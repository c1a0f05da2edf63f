//! The login of a listener as programs give it: user name and password in the proxy's URL (RFC 3986 section 3.2.1).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use privet_config::{Keyring, User};
use secrecy::{ExposeSecret, SecretString};

/// Everything but RFC 3986's unreserved characters: quotes and shell syntax too.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A user of the listeners, and the password where this process can read it.
#[derive(Debug, Clone)]
pub struct ProxyLogin {
    user: String,
    password: Result<SecretString, String>,
}

impl ProxyLogin {
    /// Reads the password of `user`. Blocks on a file and on the keyring.
    pub fn read(user: &User, keyring: &dyn Keyring) -> Self {
        Self {
            user: user.name.clone(),
            password: user
                .password
                .reveal(keyring)
                .map_err(|error| error.to_string()),
        }
    }

    /// A login without its password. `why` says why it is not known.
    pub fn without_password(user: String, why: String) -> Self {
        Self {
            user,
            password: Err(why),
        }
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    /// Why the password is not known; `None`: it is.
    pub fn unknown_password(&self) -> Option<&str> {
        self.password.as_ref().err().map(String::as_str)
    }

    /// The percent-encoded user name.
    pub fn encoded_user(&self) -> String {
        encode(&self.user)
    }

    /// The percent-encoded password, where it is known.
    pub fn encoded_password(&self) -> Option<String> {
        let password = self.password.as_ref().ok()?;
        Some(encode(password.expose_secret()))
    }

    /// "alice:s%23same", or "alice" where the password is not known.
    pub fn user_info(&self) -> String {
        let user = self.encoded_user();
        match self.encoded_password() {
            Some(password) => format!("{user}:{password}"),
            None => user,
        }
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use privet_config::{NoKeyring, Secret};

    use super::*;

    fn login(password: Secret) -> ProxyLogin {
        let user = User {
            name: "al ice@home".to_owned(),
            password,
        };
        ProxyLogin::read(&user, &NoKeyring)
    }

    #[test]
    fn names_and_passwords_are_percent_encoded() {
        let login = login(Secret::Plain("p'a:s/s#%ü".into()));
        assert_eq!(
            login.user_info(),
            "al%20ice%40home:p%27a%3As%2Fs%23%25%C3%BC"
        );
        assert_eq!(login.unknown_password(), None);
        assert!(!format!("{login:?}").contains("p'a"), "{login:?}");
    }

    #[test]
    fn a_password_that_cannot_be_read_is_left_out_and_the_reason_is_kept() {
        let login = login(Secret::Keyring("home".to_owned()));
        assert_eq!(login.user_info(), "al%20ice%40home");
        let why = login.unknown_password().unwrap();
        assert!(why.contains("\"home\""), "{why}");
    }
}
