//! Who may call over TCP: the guard of the servers, the token, and codes that log a browser in.

pub mod guard;
pub mod login_codes;
pub mod token;
