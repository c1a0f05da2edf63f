//! A killed, refusing, silent or invalid upstream gives the client the right error, and groups fail over.

mod fallback;
mod groups;
mod single;
mod support;
