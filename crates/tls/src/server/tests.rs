mod files;
mod handshakes;
mod resumption;
mod streams;
