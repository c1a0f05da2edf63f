//! macOS and Windows have no icon in this version.

use crate::view::View;
use crate::{Events, Panel, PanelError};

pub(crate) fn start(_view: View, _events: Events) -> Result<Box<dyn Panel>, PanelError> {
    Err(PanelError::NotHere)
}
