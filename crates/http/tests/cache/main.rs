//! The cache in the pipeline: real origins and clients over loopback.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod collapsing;
mod parts;
mod reuse;
mod support;
mod writes;
