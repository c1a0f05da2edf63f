//! `[inspect]` and `[scan]` as the decision needs them: which hosts are inspected, which pass untouched.

mod host_patterns;
mod shipped;

use privet_config::{Inspect, Scan};

use crate::compile_error::CompileError;
use crate::host_hash::SuffixHashes;
pub(crate) use host_patterns::HostPatterns;
pub use shipped::{SHIPPED_DATE, ShippedGroup, shipped_hosts};

/// What is inspected and scanned.
#[derive(Debug, Default)]
pub(crate) struct ContentPolicy {
    inspects: bool,
    scans: bool,
    hosts: HostPatterns,
    except: HostPatterns,
}

impl ContentPolicy {
    /// # Errors
    /// A text that is no host.
    pub(crate) fn compile(inspect: &Inspect, scan: &Scan) -> Result<Self, CompileError> {
        Ok(Self {
            inspects: inspect.enabled,
            scans: scan.enabled,
            hosts: HostPatterns::compile("[inspect] hosts", &inspect.hosts)?,
            except: HostPatterns::compile("[inspect] except", &inspect.except)?,
        })
    }

    /// Whether anything is inspected or scanned.
    pub(crate) fn is_on(&self) -> bool {
        self.inspects || self.scans
    }

    pub(crate) fn inspects(&self) -> bool {
        self.inspects
    }

    pub(crate) fn scans(&self) -> bool {
        self.scans
    }

    pub(crate) fn hosts(&self) -> &HostPatterns {
        &self.hosts
    }

    pub(crate) fn except(&self) -> &HostPatterns {
        &self.except
    }

    /// The entry of the list that comes with the program.
    pub(crate) fn shipped(&self, suffixes: &SuffixHashes) -> Option<(&'static str, ShippedGroup)> {
        shipped::find(suffixes)
    }
}
