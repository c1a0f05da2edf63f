//! A scanner as one request uses it.

use std::ops::Deref;
use std::sync::Arc;

use crate::scanner::Scanner;
use crate::spool::Spool;

/// A scanner, and what of its settings the mode of a request changes.
#[derive(Clone)]
pub struct RequestScanner {
    scanner: Arc<Scanner>,
    holds_all: bool,
    spools: bool,
}

impl RequestScanner {
    /// As the scanner's own settings say.
    pub fn new(scanner: Arc<Scanner>) -> Self {
        Self {
            holds_all: scanner.holds_all,
            spools: true,
            scanner,
        }
    }

    /// Withholds every body whole, or small ones and programs alone.
    #[must_use]
    pub fn holding_all(self, holds_all: bool) -> Self {
        Self { holds_all, ..self }
    }

    /// Writes nothing to a disk.
    #[must_use]
    pub fn without_spool(self) -> Self {
        Self {
            spools: false,
            ..self
        }
    }

    /// Whether nothing of a body goes on before its verdict.
    pub fn holds_all(&self) -> bool {
        self.holds_all
    }

    /// Where bodies are held for which there is no memory.
    pub fn spool(&self) -> Option<&Spool> {
        self.scanner.spool().filter(|_| self.spools)
    }
}

impl Deref for RequestScanner {
    type Target = Scanner;

    fn deref(&self) -> &Scanner {
        &self.scanner
    }
}
