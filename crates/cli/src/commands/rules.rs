//! `privet rules [add | move | remove]`: the rules with what each did; one more, one elsewhere, one less.

use privet_control::Client;
use privet_control::calls::config::Change;
use privet_control::calls::rules::{RuleView, RuleWish};
use privet_control::logs::now_ms;
use serde_json::{Map, Value, json};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Terminal, Tone, plain, span};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Add a rule, before all others unless --at says where
    Add(Box<New>),
    /// Move a rule to another place
    Move {
        /// Its number, or what it is known by
        rule: String,
        /// Its new place, from 1
        to: u32,
    },
    /// Take a rule out
    Remove {
        /// Its number, or what it is known by
        rule: String,
    },
}

/// Filled keys all have to hold; one that is given several times holds where one of its values does.
#[derive(Debug, clap::Args)]
struct New {
    /// "direct", "block", or the name of an upstream or group
    #[arg(long = "use", value_name = "WAY")]
    way: String,
    /// This name exactly
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// This name and all below it
    #[arg(long, value_name = "NAME")]
    suffix: Vec<String>,
    /// Names that match this regular expression
    #[arg(long, value_name = "PATTERN")]
    regex: Vec<String>,
    /// Addresses in this network
    #[arg(long, value_name = "NET")]
    ip: Vec<String>,
    /// This port, or a range: 8000-8100
    #[arg(long, value_name = "PORT")]
    port: Vec<String>,
    /// This program: its file name, or its full path; absent: all
    #[arg(long, value_name = "PROGRAM")]
    app: Vec<String>,
    /// socks4, socks5, udp, http or connect
    #[arg(long, value_name = "NAME")]
    protocol: Vec<String>,
    /// Whoever is logged in as this user
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// once (the next connection that matches), until-quit, always, or a time: 30m, 1h, 2d
    #[arg(long = "for", value_name = "TIME", default_value = "always")]
    lasts: String,
    /// Before the rule at this place, from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    at: u32,
    /// Only say what it would do
    #[arg(long)]
    dry_run: bool,
}

impl New {
    fn wish(&self) -> RuleWish {
        let port = |text: &String| {
            text.parse::<u16>()
                .map_or_else(|_| json!(text), |port| json!(port))
        };
        let ports: Vec<Value> = self.port.iter().map(port).collect();
        let keys = [
            ("domain", json!(self.domain)),
            ("domain_suffix", json!(self.suffix)),
            ("domain_regex", json!(self.regex)),
            ("ip", json!(self.ip)),
            ("port", json!(ports)),
            ("app", json!(self.app)),
            ("protocol", json!(self.protocol)),
            ("user", json!(self.user)),
        ];
        let is_filled = |value: &Value| value.as_array().is_some_and(|entries| !entries.is_empty());
        let filled = keys.into_iter().filter(|(_, value)| is_filled(value));
        let keys: Map<String, Value> = filled.map(|(key, value)| (key.to_owned(), value)).collect();
        RuleWish {
            rule: json!({ "match": keys, "use": self.way }),
            at: self.at.saturating_sub(1),
            lasts: Some(self.lasts.clone()),
        }
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let change = match &args.action {
        None => return list(context, &client).await,
        Some(Action::Add(new)) => client.add_rule(&new.wish(), new.dry_run).await?,
        Some(Action::Move { rule, to }) => {
            let id = id_of(&client, rule).await?;
            client.move_rule(&id, to.saturating_sub(1)).await?
        }
        Some(Action::Remove { rule }) => client.remove_rule(&id_of(&client, rule).await?).await?,
    };
    if context.terminal.json {
        context.terminal.json(&change)?;
    } else {
        context.terminal.say(&said(context, &change))?;
    }
    Ok(Exit::Done)
}

/// By its number in the file, or what it is known by.
async fn id_of(client: &Client, rule: &str) -> Result<String, Failure> {
    let Ok(number) = rule.parse::<u64>() else {
        return Ok(rule.to_owned());
    };
    let rules = client.rules().await?.rules;
    let found = rules.iter().find(|one| one.number == Some(number));
    // An identity may be made of digits alone.
    let found = found.or_else(|| rules.iter().find(|one| one.id == rule));
    found.map(|rule| rule.id.clone()).ok_or_else(|| {
        Failure::with_help(
            format!("there is no rule {rule}"),
            "`privet rules` lists them",
        )
    })
}

/// What a change did or would do, in lines.
pub fn said(context: &Context, change: &Change) -> String {
    let paint = |text: &str, tone| context.terminal.paint(text, tone);
    let mut lines = vec![match (change.applied, change.change) {
        (true, Some(id)) => format!(
            "{} (privet undo {id} takes it back)",
            paint("done", Tone::Good)
        ),
        (true, None) => paint("nothing was changed", Tone::Dim),
        (false, _) => change.replay.as_ref().map_or_else(
            || "nothing is recorded yet".to_owned(),
            |replay| paint(&replay.summary, Tone::Plain),
        ),
    }];
    let warnings = change.warnings.iter();
    lines.extend(warnings.map(|warning| {
        paint(
            &format!("line {}: {}", warning.line, warning.cause),
            Tone::Warn,
        )
    }));
    lines.join("\n")
}

async fn list(context: &Context, client: &Client) -> Result<Exit, Failure> {
    let rules = client.rules().await?;
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(&rules)?;
    } else if rules.rules.is_empty() {
        terminal.say("no rules; add one: privet rules add --use block --suffix example.com")?;
    } else {
        terminal.say(&table(terminal, &rules.rules))?;
    }
    Ok(Exit::Done)
}

fn table(terminal: &Terminal, rules: &[RuleView]) -> String {
    let mut table = terminal.table(&["rule", "use", "match", "hits", "last", "lasts", "state"]);
    let now = now_ms();
    let ago = |at: u64| format!("{} ago", span(now.saturating_sub(at)));
    for rule in rules {
        let number = rule
            .number
            .map_or_else(|| rule.id.clone(), |number| number.to_string());
        let left = rule.until_ms.map(|until| span(until.saturating_sub(now)));
        let lasts = left.map_or_else(|| rule.lasts.clone(), |left| format!("{left} more"));
        table.row([
            plain(number),
            plain(
                rule.rule
                    .pointer("/use")
                    .and_then(Value::as_str)
                    .unwrap_or(""),
            ),
            plain(matched(&rule.rule)),
            plain(rule.hits.to_string()),
            plain(rule.last_ms.map_or_else(|| "never".to_owned(), ago)),
            plain(lasts),
            state(rule, &ago(rule.since_ms)),
        ]);
    }
    table.text()
}

fn matched(rule: &Value) -> String {
    let keys = rule
        .pointer("/match")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let entry = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let told: Vec<String> = keys
        .map(|(key, entries)| {
            let entries: Vec<String> = entries
                .as_array()
                .into_iter()
                .flatten()
                .map(entry)
                .collect();
            format!("{key}: {}", entries.join(", "))
        })
        .collect();
    told.join("; ")
}

fn state(rule: &RuleView, since: &str) -> (String, Tone) {
    if rule.over {
        return ("its time is over".to_owned(), Tone::Dim);
    }
    let by: Vec<String> = rule
        .shadowed_by
        .iter()
        .map(|by| by.number.to_string())
        .collect();
    match (by.is_empty(), rule.hits) {
        (false, _) => (
            format!("never matches: rule {} before it", by.join(", ")),
            Tone::Warn,
        ),
        (true, 0) => (format!("never matched, counted since {since}"), Tone::Dim),
        (true, _) => (String::new(), Tone::Plain),
    }
}
