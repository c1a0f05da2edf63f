//! What a file is refused or warned for, with position, cause and help.

mod contradictions;
mod keys_and_values;
mod report;
mod support;
mod upstreams;
