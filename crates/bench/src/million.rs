//! Memory and time of a list of a million hosts, by a release build of an example of the policy crate.

use super::report::Figures;
use super::runs::RUNS;
use xtask::shell;

/// Labels in the output of the example, and in the report.
const LINES: &[(&str, &str, f64)] = &[
    ("bytes kept", "MiB kept", 1.0 / (1 << 20) as f64),
    (
        "bytes at the peak",
        "MiB at the peak while it is read",
        1.0 / (1 << 20) as f64,
    ),
    ("seconds", "seconds to read it", 1.0),
    ("ns a look-up (hit)", "ns a look-up of a host on it", 1.0),
    ("ns a look-up (miss)", "ns a look-up of another", 1.0),
];

/// Each figure over [`RUNS`] runs.
pub fn row() -> Result<Figures, String> {
    let mut runs: Vec<(String, Vec<f64>)> = LINES
        .iter()
        .map(|(_, name, _)| ((*name).to_owned(), Vec::new()))
        .collect();
    for _ in 0..RUNS {
        let words = [
            "run",
            "--release",
            "--quiet",
            "--locked",
            "-p",
            "privet-policy",
            "--example",
            "million_hosts",
        ];
        let out =
            shell::output("cargo", &words).ok_or("the example of a million hosts does not run")?;
        for ((label, _, unit), (_, figures)) in LINES.iter().zip(&mut runs) {
            let line = out.lines().find_map(|line| line.strip_prefix(label));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
            figures.push(
                number.ok_or_else(|| format!("the example does not print {label:?}"))? * unit,
            );
        }
    }
    Ok(Figures {
        row: "list",
        title: "A list of 1,000,000 hosts",
        unit: "as named",
        note: ": no peer; the bounds are 24 MiB and 1.5 s.",
        runs,
    })
}
