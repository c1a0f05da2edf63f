//! privet-system
