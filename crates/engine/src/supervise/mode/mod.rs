//! The selected mode: what is current, how it is switched, and what is stored of a pause.

mod pause;
mod record;
mod selection;
pub(crate) mod switch;

pub(crate) use pause::StoredPause;
pub(crate) use selection::ModeSelection;
pub use selection::{LONGEST_PAUSE, ModeState, PauseLength};
pub(crate) use switch::{ModeSwitch, run_pause_timer};
