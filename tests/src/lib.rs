//! Whole-program tests: real clients and servers against the built `privet`.
