//! Processor time and memory of a program and all its children, as the kernel counts them.

use std::collections::HashMap;
use std::fs;

/// The kernel's unit of time in `/proc/PID/stat`, in one second.
const TICKS: f64 = 100.0;

struct Process {
    parent: u32,
    /// Own time and that of reaped children, in ticks.
    ticks: u64,
}

/// Seconds of processor time of a process and its descendants so far, those that ended among them.
pub fn cpu(root: u32) -> f64 {
    let all = processes();
    let ticks: u64 = family(root, &all)
        .iter()
        .filter_map(|pid| all.get(pid))
        .map(|process| process.ticks)
        .sum();
    ticks as f64 / TICKS
}

/// Memory of a process and its descendants, in KiB; shared pages are counted once (PSS).
pub fn memory(root: u32) -> f64 {
    let all = processes();
    family(root, &all)
        .iter()
        .filter_map(|pid| pss(*pid))
        .sum::<u64>() as f64
}

fn pss(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn family(root: u32, all: &HashMap<u32, Process>) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(
            all.iter()
                .filter(|(_, process)| process.parent == parent)
                .map(|(pid, _)| *pid),
        );
        at += 1;
    }
    found
}

fn processes() -> HashMap<u32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, stat(pid)?)))
        .collect()
}

/// `proc(5)`: after the name in parentheses come state, ppid, …; utime, stime, cutime, cstime are fields 14 to 17.
fn stat(pid: u32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split(' ').collect();
    let ticks = fields
        .get(11..15)?
        .iter()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        ticks,
    })
}
