//! privet-engine
