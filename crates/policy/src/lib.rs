//! `decide(Request, &Policy) -> Verdict`: where a connection goes, and why. Pure: no sockets, no clock, no files.
//! The engine, the simulator and the PAC all ask the same function.

pub mod request;
pub mod verdict;

pub use request::{App, Host, Listener, Protocol, Request, Target};
pub use verdict::{Action, DirectPermit, Outlet, Route, Verdict, Why, WhyKind};
