//! macOS and Windows have no tray icon in this version.

use crate::panel::{Events, Panel, PanelError};
use crate::view::TrayView;

pub(crate) fn start(_view: TrayView, _events: Events) -> Result<Box<dyn Panel>, PanelError> {
    Err(PanelError::Unsupported)
}
