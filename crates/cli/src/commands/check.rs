//! `privet check`: validates the configuration and shows what it would change.

use std::path::Path;
use std::sync::Arc;

use privet_api::Diagnostic;
use privet_config::{
    Config, Diagnostic as Found, DiagnosticCode, Diagnostics, Severity, place_files,
};
use privet_control::convert::diagnostic;
use privet_engine::{
    certificate_findings, content_warnings, list_warnings, shadow_warnings, start_errors,
};
use privet_system::SystemKeyring;
use serde::Serialize;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::Style;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Replay the running engine's recorded connections and show which would have gone differently
    #[arg(long)]
    replay: bool,
}

#[derive(Serialize)]
struct CheckReport {
    ok: bool,
    file: String,
    note: Option<String>,
    diagnostics: Vec<Diagnostic>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let path = context.options.existing_config()?;
    let mut loaded = match Config::load(&path) {
        Ok(loaded) => loaded,
        Err(found) => return Err(refused(context, &found)),
    };
    let shadows = shadow_warnings(&loaded.config);
    // They say more than the warnings about the same rules.
    let is_shadowed = |found: &Found| {
        let mut shadows = shadows.iter();
        found.code == DiagnosticCode::Unreached && shadows.any(|shadow| shadow.line == found.line)
    };
    loaded.warnings.retain(|found| !is_shadowed(found));
    loaded.warnings.extend(shadows);
    loaded.warnings.extend(list_warnings(&loaded.config));
    loaded.warnings.extend(content_warnings(&loaded.config));
    let mut certificates = certificate_findings(&loaded.config);
    certificates.retain(|found| found.severity == Severity::Warning);
    loaded.warnings.extend(certificates);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    place_files(&mut loaded.warnings, &loaded.config, &text);
    if args.replay {
        return replay(context, &path).await;
    }
    if let Some(found) = start_faults(&path, &loaded.config).await {
        return Err(refused(context, &found));
    }
    let file = path.display().to_string();
    if context.terminal.json {
        context.terminal.json(&CheckReport {
            ok: true,
            file,
            note: loaded.note,
            diagnostics: loaded.warnings.iter().map(diagnostic).collect(),
        })?;
        return Ok(Exit::Done);
    }
    let mut lines: Vec<String> = loaded
        .warnings
        .iter()
        .flat_map(|warning| {
            let text = warning.in_file(&file).to_string();
            text.lines()
                .map(|line| context.terminal.paint(line, Style::Warning))
                .collect::<Vec<_>>()
        })
        .collect();
    lines.extend(
        loaded
            .note
            .map(|note| context.terminal.paint(&note, Style::Dim)),
    );
    lines.push(
        context
            .terminal
            .paint(&format!("{file}: ok"), Style::Success),
    );
    context.terminal.print(&lines.join("\n"))?;
    Ok(Exit::Done)
}

/// What would keep an engine from starting with this configuration, its ports apart.
pub async fn start_faults(path: &Path, config: &Config) -> Option<Diagnostics> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let list = start_errors(Arc::new(config.clone()), &text, Arc::new(SystemKeyring)).await;
    let file = path.display().to_string();
    (!list.is_empty()).then_some(Diagnostics { file, list })
}

/// All errors, as text for people or as JSON on standard output.
fn refused(context: &Context, found: &Diagnostics) -> Failure {
    if context.terminal.json {
        let sound = CheckReport {
            ok: false,
            file: found.file.clone(),
            note: None,
            diagnostics: found.list.iter().map(diagnostic).collect(),
        };
        if let Err(failure) = context.terminal.json(&sound) {
            return failure;
        }
    }
    Failure::Config {
        text: found.to_string(),
        help: None,
        diagnostics: Vec::new(),
    }
}

async fn replay(context: &Context, path: &std::path::Path) -> Result<Exit, Failure> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?,
    };
    let change = context.client()?.replace_config(&text, true).await?;
    if context.terminal.json {
        context.terminal.json(&change)?;
        return Ok(Exit::Done);
    }
    let mut lines = vec![change.replay.as_ref().map_or_else(
        || "no connections recorded yet".to_owned(),
        |replay| replay.summary.clone(),
    )];
    let replay = change.replay.unwrap_or_default();
    lines.extend(replay.differing.iter().take(20).map(|difference| {
        format!(
            "  {} {}: {} → {}",
            difference.app.as_deref().unwrap_or("-"),
            difference.target,
            difference.before.text,
            difference.after.text
        )
    }));
    lines.extend(
        change
            .opened
            .iter()
            .map(|address| format!("listens on {address}")),
    );
    lines.extend(
        change
            .closed
            .iter()
            .map(|address| format!("stops listening on {address}")),
    );
    if change.connections_closed > 0 {
        lines.push(format!(
            "{} active connections would be closed",
            change.connections_closed
        ));
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|line| context.terminal.paint(line, Style::Plain))
        .collect();
    context.terminal.print(&lines.join("\n"))?;
    Ok(Exit::Done)
}
