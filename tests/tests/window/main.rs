//! The desktop window, driven by WebDriver on a screen.

mod desktop;
mod engine;
mod page;
mod support;
