//! Medians of interleaved runs, as a table for the terminal and in BENCHMARKS.md.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use xtask::shell::{self, Done};

use crate::bounds::{self, PRIVET};

/// One row of the comparison.
pub struct Figures {
    pub row: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    pub note: &'static str,
    /// Proxy and its runs.
    pub runs: Vec<(String, Vec<f64>)>,
}

impl Figures {
    /// The median of the runs of a proxy.
    pub fn median(&self, name: &str) -> Option<f64> {
        let (_, runs) = self.runs.iter().find(|(proxy, _)| proxy == name)?;
        let mut runs = runs.clone();
        runs.sort_by(f64::total_cmp);
        runs.get(runs.len() / 2).copied()
    }

    /// Prints the row as a table.
    pub fn print(&self) {
        print!("\n{}", table(&self.value()));
    }

    /// Prints the row and stores it for BENCHMARKS.md.
    pub fn keep(&self) -> Done {
        self.print();
        let file = kept(self.row);
        let fail = |error| format!("{}: {error}", file.display());
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        fs::write(&file, self.value().to_string()).map_err(fail)
    }

    fn value(&self) -> Value {
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|(name, runs)| json!({"name": name, "runs": runs}))
            .collect();
        json!({"row": self.row, "title": self.title, "unit": self.unit, "note": self.note, "programs": runs})
    }
}

/// The file of a row's last run.
fn kept(row: &str) -> PathBuf {
    shell::target_dir()
        .join("bench")
        .join(format!("{row}.json"))
}

fn table(figures: &Value) -> String {
    let text = |key: &str| figures[key].as_str().unwrap_or_default();
    let mut rows: Vec<(f64, f64, f64, &str)> = figures["programs"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .filter_map(|proxy| {
            let mut runs: Vec<f64> = proxy["runs"]
                .as_array()?
                .iter()
                .filter_map(Value::as_f64)
                .collect();
            runs.sort_by(f64::total_cmp);
            Some((
                *runs.get(runs.len() / 2)?,
                *runs.first()?,
                *runs.last()?,
                proxy["name"].as_str()?,
            ))
        })
        .collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut out = format!(
        "### {}\n\n`cargo xtask bench {}`",
        text("title"),
        // Several rows of one run share its name.
        text("row").split('/').next().unwrap_or_default()
    );
    let _ = write!(
        out,
        "{}\n\n| | {} | min – max |\n|---|--:|--:|\n",
        text("note"),
        text("unit")
    );
    let medians: Vec<(&str, f64)> = rows.iter().map(|row| (row.3, row.0)).collect();
    for (median, min, max, name) in rows {
        let name = if name == PRIVET { "**Privet**" } else { name };
        let _ = writeln!(
            out,
            "| {name} | {} | {} – {} |",
            figure(median),
            figure(min),
            figure(max)
        );
    }
    if let Some(verdict) = bounds::verdict(text("row"), &medians) {
        let _ = write!(out, "\n{verdict}\n");
    }
    out
}

fn figure(value: f64) -> String {
    if value == 0.0 || value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// Writes BENCHMARKS.md from the last run of each row, in the order of `rows`.
pub fn write(rows: &[&str]) -> Done {
    let mut out = format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`; each row can be run alone. All proxies of a row run in the same minutes on the same machine: \
         the proxy alone on one core, load and origin (ours, on loopback) on the other. Processor time is what the kernel counted for the program \
         and all its children; the figure is the median of interleaved runs, with their range. Compare within a row only.\n\n{}\n",
        machine()
    );
    let path = shell::root().join("BENCHMARKS.md");
    let before = fs::read_to_string(&path).unwrap_or_default();
    let measured = rows.iter().filter_map(|row| {
        let kept = fs::read_to_string(kept(row)).ok()?;
        let figures: Value = serde_json::from_str(&kept).ok()?;
        // A file of an earlier form leaves the table as it is.
        figures["programs"].is_array().then(|| table(&figures))
    });
    for section in merged(&before, measured.collect()) {
        let _ = write!(out, "\n{section}");
    }
    fs::write(&path, out).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("\nwritten: {}", path.display());
    Ok(())
}

/// The existing tables, replaced where they were measured again, followed by new ones.
fn merged(before: &str, mut measured: Vec<String>) -> Vec<String> {
    let title = |section: &str| section.lines().next().unwrap_or_default().to_owned();
    let mut sections: Vec<String> = Vec::new();
    for old in before.split("\n### ").skip(1) {
        let old = format!("### {}\n", old.trim_end());
        let new = measured.iter().position(|new| title(new) == title(&old));
        sections.push(new.map_or(old, |at| measured.remove(at)));
    }
    sections.append(&mut measured);
    sections
}

/// The machine on which the figures were measured.
fn machine() -> String {
    let kernel = shell::output("uname", &["-sr"]).unwrap_or_default();
    let rust = shell::output("rustc", &["--version"]).unwrap_or_default();
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    // Not the cores of this process: it is pinned to one.
    let cores = model
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("");
    let mut out = format!(
        "Machine: {cores} cores ({}), {kernel}, {rust}.",
        model.trim_start_matches(['\t', ' ', ':'])
    );
    let packages = [
        "dante-server",
        "microsocks",
        "haproxy",
        "squid",
        "tinyproxy",
        "privoxy",
        "trafficserver",
        "nginx",
        "caddy",
        "varnish",
    ];
    let versions: Vec<String> = packages
        .iter()
        .filter_map(|name| {
            Some(format!(
                "{name} {}",
                shell::output("dpkg-query", &["-W", "-f", "${Version}", name])?
            ))
        })
        .collect();
    let _ = write!(
        out,
        "\nPeers: {}; fast-socks5 1.0.0 (its example server).",
        versions.join(", ")
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_some_rows_keeps_the_others() {
        let before = "# Benchmarks\n\n### One\n\nold one\n\n### Two\n\nold two\n";
        let measured = vec![
            "### Two\n\nnew two\n".to_owned(),
            "### Three\n\nnew three\n".to_owned(),
        ];
        let want = [
            "### One\n\nold one\n",
            "### Two\n\nnew two\n",
            "### Three\n\nnew three\n",
        ];
        assert_eq!(merged(before, measured), want);
    }
}
