//! Measures minted certificates: time for each, and memory of 1,000 that are kept.
//!
//!     cargo run -p privet-tls --example minting

use std::error::Error;
use std::io::Write;
use std::time::{Instant, SystemTime};

use privet_tls::CertificateName;
use privet_tls::inspection::{InspectionAuthority, LEAVES, Minter};

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let now = SystemTime::now();
    let minter = Minter::new(InspectionAuthority::make(now)?, LEAVES)?;
    let names: Vec<CertificateName> = (0..LEAVES)
        .filter_map(|number| format!("host-{number}.example.com").parse().ok())
        .collect();
    for round in 1..=ROUNDS {
        let start = Instant::now();
        for name in &names {
            minter.certificate(name, now)?;
        }
        let each = start.elapsed() / u32::try_from(names.len())?;
        writeln!(out, "round {round}: {each:?} for each certificate")?;
    }
    let before = resident();
    for name in &names {
        minter.warm(name, now)?;
    }
    let kept = resident().saturating_sub(before);
    writeln!(out, "{} kept: {} KiB more memory", minter.kept(), kept)?;
    Ok(())
}

/// Resident memory in KiB; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
