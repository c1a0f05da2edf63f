//! privet-control
