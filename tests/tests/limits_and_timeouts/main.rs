//! Limits and timeouts: slow heads, open files, connections, idle tunnels; half-closes, resets and slow readers.

mod clients;
mod open_files;
mod tunnels;
