//! Real clients: curl, git, ssh, browsers, libraries.

mod browsers;
mod developer_tools;
mod downloads;
mod libraries;
mod support;
