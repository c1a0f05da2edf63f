//! The timeline: every change, kept across restarts, and undo.

mod change;
mod describe;
mod detail;
mod obstacle;
mod record;
mod store;
mod undo;

pub use change::{Change, ChangeOrigin, ChangeSource, ChangeStatus, UndoAction, UndoError};
pub(crate) use describe::describe;
pub use detail::ChangeDetail;
pub(crate) use store::Timeline;
