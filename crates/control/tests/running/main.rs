//! The API of a running engine, from the outside. One test program, since linking an engine takes long.

mod calls;
mod event_stream;
mod tcp_server;
mod test_api;
