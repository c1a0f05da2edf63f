//! Proxy settings of single programs: copied, by a PAC URL for one program, and for applications that Privet starts.

mod settings;
mod starting;
mod support;
