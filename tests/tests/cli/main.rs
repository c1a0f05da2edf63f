//! The command line: exit codes, and what is printed where.

mod check;
mod doctor;
mod engine;
mod output;
mod serve;
mod support;
