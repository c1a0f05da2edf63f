//! What can be read: HTTP proxying on httparse. Heads are parsed, checked and written anew; bodies are relayed.

pub mod road;

pub use road::{Ask, Refusal, Road, Ticket};
