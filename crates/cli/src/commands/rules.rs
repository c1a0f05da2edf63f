//! `privet rules [add | move | remove]`: shows and changes the rules.

use privet_api::Client;
use privet_api::config::Change;
use privet_api::now_ms;
use privet_api::rules::{NewRule, Rule};
use serde_json::{Map, Value, json};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, ago, plain, span};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Add a rule, before all others unless --at is given
    Add(Box<AddArgs>),
    /// Move a rule to another position
    Move {
        /// Number or id of the rule
        rule: String,
        /// New position, from 1
        to: u32,
    },
    /// Remove a rule
    Remove {
        /// Number or id of the rule
        rule: String,
    },
}

/// All given options must match. An option given several times matches if one of its values does.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// "direct", "block", or the name of an upstream or group
    #[arg(long = "use", value_name = "ROUTE")]
    route: String,
    /// Exact domain name
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// Domain name and its subdomains
    #[arg(long, value_name = "NAME")]
    suffix: Vec<String>,
    /// Domain names that match this regular expression
    #[arg(long, value_name = "PATTERN")]
    regex: Vec<String>,
    /// Address, or network in CIDR notation: 10.0.0.0/8, ::1, [::1], fd00::/8
    #[arg(long, value_name = "NET")]
    ip: Vec<String>,
    /// Port or range: 443, 8000-8100
    #[arg(long, value_name = "PORT")]
    port: Vec<String>,
    /// Program: file name or full path [default: all]
    #[arg(long, value_name = "PROGRAM")]
    app: Vec<String>,
    /// Protocol: socks4, socks5, udp, http or connect
    #[arg(long, value_name = "NAME")]
    protocol: Vec<String>,
    /// User of the proxy
    #[arg(long, value_name = "NAME")]
    user: Vec<String>,
    /// Duration: once (the next matching connection), until-quit, always, or a time: 30m, 1h, 2d
    #[arg(long = "for", value_name = "TIME", default_value = "always")]
    lasts: String,
    /// Position of the new rule, from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    at: u32,
    /// Only show what it would do
    #[arg(long)]
    dry_run: bool,
}

impl AddArgs {
    /// An address is no domain; the message names the option that takes it.
    fn check(&self) -> Result<(), Failure> {
        let mut names = self.domain.iter().chain(&self.suffix);
        let is_address = |name: &&String| {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<std::net::IpAddr>().is_ok()
        };
        names.find(is_address).map_or(Ok(()), |address| {
            Err(Failure::usage(format!(
                "{address} is an address: use --ip {address}"
            )))
        })
    }

    fn has_condition(&self) -> bool {
        let lists = [
            &self.domain,
            &self.suffix,
            &self.regex,
            &self.ip,
            &self.port,
            &self.app,
            &self.protocol,
            &self.user,
        ];
        lists.iter().any(|list| !list.is_empty())
    }

    fn request(&self) -> NewRule {
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
        NewRule {
            rule: json!({ "match": keys, "use": self.route }),
            position: self.at,
            lifetime: Some(self.lasts.clone()),
        }
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let change = match &args.action {
        None => return list(context, &client).await,
        Some(Action::Add(args)) => {
            args.check()?;
            if !args.has_condition() {
                context.print_error("the rule has no condition: it matches every connection");
            }
            let (_, version) = client.versioned_rules().await?;
            let request = args.request();
            client
                .add_rule(&request, args.dry_run, version.as_deref())
                .await?
        }
        Some(Action::Move { rule, to }) => {
            let id = id_of(&client, rule).await?;
            client.move_rule(&id, *to).await?
        }
        Some(Action::Remove { rule }) => client.remove_rule(&id_of(&client, rule).await?).await?,
    };
    if context.terminal.json {
        context.terminal.json(&change)?;
    } else {
        context.terminal.print(&summary(context, &change))?;
    }
    Ok(Exit::Done)
}

/// Looks up a rule by its number in the file or its id.
async fn id_of(client: &Client, rule: &str) -> Result<String, Failure> {
    let number = rule.parse::<u64>().ok();
    let rules = client.rules().await?.rules;
    let found = rules
        .iter()
        .find(|one| number.is_some() && one.number == number);
    // An id may consist of digits only.
    let found = found.or_else(|| rules.iter().find(|one| one.id == rule));
    found.map(|rule| rule.id.clone()).ok_or_else(|| {
        Failure::with_help(
            format!("there is no rule {rule}"),
            "`privet rules` lists them",
        )
    })
}

/// Summary of an applied change or a dry run.
pub fn summary(context: &Context, change: &Change) -> String {
    let paint = |text: &str, style| context.terminal.paint(text, style);
    let mut lines = vec![match (change.applied, change.change) {
        (true, Some(id)) => format!(
            "{} (undo with: privet undo {id})",
            paint("done", Style::Success)
        ),
        (true, None) => paint("no change", Style::Dim),
        (false, _) => change.replay.as_ref().map_or_else(
            || "no connections recorded yet".to_owned(),
            |replay| paint(&replay.summary, Style::Plain),
        ),
    }];
    let warnings = change.warnings.iter();
    lines.extend(warnings.map(|warning| {
        let line = match warning.line {
            0 => String::new(),
            line => format!("line {line}: "),
        };
        let help = warning.help.iter();
        let help: String = help.map(|help| format!("; {help}")).collect();
        paint(&format!("{line}{}{help}", warning.cause), Style::Warning)
    }));
    lines.join("\n")
}

async fn list(context: &Context, client: &Client) -> Result<Exit, Failure> {
    let rules = client.rules().await?;
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(&rules)?;
    } else if rules.rules.is_empty() {
        terminal.print("no rules; add one: privet rules add --use block --suffix example.com")?;
    } else {
        terminal.print(&table(terminal, &rules.rules))?;
    }
    Ok(Exit::Done)
}

fn table(terminal: &Terminal, rules: &[Rule]) -> String {
    let mut table = terminal.table(&["rule", "use", "match", "hits", "last", "lasts", "state"]);
    let now = now_ms();
    let ago = |at: u64| ago(now, at);
    for rule in rules {
        let number = rule
            .number
            .map_or_else(|| rule.id.clone(), |number| number.to_string());
        let left = rule.until_ms.map(|until| span(until.saturating_sub(now)));
        let lasts = left.map_or_else(|| rule.lifetime.clone(), |left| format!("{left} more"));
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
            plain(rule.last_hit_ms.map_or_else(|| "never".to_owned(), ago)),
            plain(lasts),
            state(rule, &ago(rule.since_ms)),
        ]);
    }
    table.text()
}

fn matched(rule: &Value) -> String {
    let conditions = rule
        .pointer("/match")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let entry = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let keys: Vec<String> = conditions
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
    keys.join("; ")
}

fn state(rule: &Rule, since: &str) -> (String, Style) {
    if rule.expired {
        return ("expired".to_owned(), Style::Dim);
    }
    let by: Vec<String> = rule
        .shadowed_by
        .iter()
        .map(|by| by.number.to_string())
        .collect();
    match (by.is_empty(), rule.hits) {
        (false, _) => (
            format!("never matches: covered by rule {}", by.join(", ")),
            Style::Warning,
        ),
        (true, 0) => (format!("never matched, counted since {since}"), Style::Dim),
        (true, _) => (String::new(), Style::Plain),
    }
}
