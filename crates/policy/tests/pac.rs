//! The PAC file run by a JavaScript engine (node), compared with its policy.

mod given;
#[path = "../../../tests/src/skip.rs"]
mod skip;

use std::io::Write;
use std::process::{Command, Stdio};

use given::random::{PORTS, config, host};
use given::*;
use privet_config::{Config, RuleAction};
use privet_policy::*;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config as RunnerConfig, RngSeed, TestRunner};

const PROXY: &str = "127.0.0.1:7280";

/// Evaluates each file on its own, as a browser does, with nothing but the language around it.
const RUN: &str = r#"
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const vm = require("vm");
console.log(JSON.stringify(cases.map(({ pac, request }) => {
  const world = vm.createContext({});
  vm.runInContext(pac, world);
  return request.map(([url, host]) => {
    world.url = url; world.host = host;
    return vm.runInContext("FindProxyForURL(url, host)", world);
  });
})));
"#;

/// The answers to `(file, [(url, host)])`; `None`, reported as skipped, where node is missing.
fn run(cases: &[(String, Vec<(String, String)>)]) -> Option<Vec<Vec<String>>> {
    let node = Command::new("node")
        .args(["-e", RUN])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut node = match node {
        Ok(node) => node,
        Err(error) => {
            skip::missing(&format!("node does not start: {error}"));
            return None;
        }
    };
    let cases: Vec<_> = cases
        .iter()
        .map(|(pac, request)| serde_json::json!({ "pac": pac, "request": request }))
        .collect();
    let input = serde_json::to_vec(&cases).unwrap();
    node.stdin.take().unwrap().write_all(&input).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn answers(pac: &str, request: &[(&str, &str)]) -> Option<Vec<String>> {
    let request = request.iter().map(|(u, h)| (u.to_string(), h.to_string()));
    Some(run(&[(pac.to_owned(), request.collect())])?.remove(0))
}

const ASK: &str = "PROXY 127.0.0.1:7280; DIRECT";
const REFUSE: &str = "PROXY 127.0.0.1:7280";

#[test]
fn rules_that_a_url_decides_are_in_the_pac_and_the_rest_is_left_to_privet() {
    let policy = policy(&with_rules(vec![
        rule(RuleAction::Block, |m| m.app = strings(["curl"]))
            .clone_with(|m| m.port = vec![(81, 81)]),
        rule(RuleAction::Direct, |m| {
            m.domain_suffix = strings(["direct.test", "bücher.test"])
        }),
        rule(RuleAction::Block, |m| m.domain = strings(["bad.test"])),
        rule(RuleAction::Direct, |m| {
            m.ip = vec![
                "10.0.0.0/9".parse().unwrap(),
                "2001:db8::/33".parse().unwrap(),
            ]
        }),
        rule(RuleAction::Direct, |m| m.port = vec![(8000, 8080)]),
    ]));
    let pac = pac(&policy, PROXY, None);
    let rows = [
        ("http://a.test/", "a.test", ASK),
        ("http://x.direct.test/", "x.direct.test", "DIRECT"),
        ("http://DIRECT.test./", "DIRECT.test.", "DIRECT"),
        ("http://direct.test:81/", "direct.test", ASK),
        ("http://xdirect.test/", "xdirect.test", ASK),
        ("http://xn--bcher-kva.test/", "xn--bcher-kva.test", "DIRECT"),
        ("https://bad.test/", "bad.test", REFUSE),
        ("http://10.1.2.3/", "10.1.2.3", "DIRECT"),
        ("http://10.200.2.3/", "10.200.2.3", ASK),
        ("http://[2001:db8::1]/", "2001:db8::1", "DIRECT"),
        ("http://[2001:DB8::1]/", "[2001:DB8::1]", "DIRECT"),
        ("http://[2001:db8:8000::1]/", "2001:db8:8000::1", ASK),
        ("http://[::ffff:10.1.2.3]/", "::ffff:10.1.2.3", "DIRECT"),
        ("http://[::ffff:a01:203]/", "::ffff:a01:203", "DIRECT"),
        // The name may resolve into the network of rule 4: only Privet can decide.
        ("http://a.test:8080/", "a.test", ASK),
        ("http://192.0.2.1:8080/x?y", "192.0.2.1", "DIRECT"),
        ("http://localhost:1/", "localhost", "DIRECT"),
        ("http://x.localhost/", "x.localhost", "DIRECT"),
        ("http://127.9.9.9/", "127.9.9.9", "DIRECT"),
        ("http://[::1]:7280/", "::1", "DIRECT"),
        ("http://0x7f.1/", "0x7f.1", ASK),
        ("http://__proto__/", "__proto__", ASK),
        ("", "", ASK),
    ];
    let request: Vec<_> = rows.iter().map(|row| (row.0, row.1)).collect();
    let Some(got) = answers(&pac, &request) else {
        return;
    };
    for (row, got) in rows.iter().zip(got) {
        assert_eq!(got, row.2, "{} {}", row.0, row.1);
    }
}

trait CloneWith {
    fn clone_with(self, change: impl FnOnce(&mut privet_config::RuleMatch)) -> Self;
}

impl CloneWith for privet_config::Rule {
    fn clone_with(mut self, change: impl FnOnce(&mut privet_config::RuleMatch)) -> Self {
        change(&mut self.matcher);
        self
    }
}

#[test]
fn a_pac_for_a_program_has_its_rules_and_omits_those_of_others() {
    let policy = policy(&with_rules(vec![
        rule(RuleAction::Block, |m| m.app = strings(["curl"])),
        rule(RuleAction::Direct, |m| m.app = strings(["Firefox"]))
            .clone_with(|m| m.domain = strings(["own.test"])),
        rule(RuleAction::Block, |m| m.app = strings(["/opt/firefox"]))
            .clone_with(|m| m.domain = strings(["path.test"])),
        rule(RuleAction::Block, |m| m.domain = strings(["bad.test"])),
    ]));
    let request = [
        ("https://own.test/", "own.test"),
        ("https://path.test/", "path.test"),
        ("https://bad.test/", "bad.test"),
        ("https://a.test/", "a.test"),
    ];
    let answers_of = |file: &str| answers(file, &request);
    let (Some(firefox), Some(curl), Some(flatpak), Some(anyone)) = (
        answers_of(&pac_for(&policy, PROXY, "firefox")),
        answers_of(&pac_for(&policy, PROXY, "curl")),
        answers_of(&pac_for(&policy, PROXY, "org.mozilla.firefox")),
        answers_of(&pac(&policy, PROXY, None)),
    ) else {
        return;
    };
    // A path cannot be decided by a name.
    assert_eq!(firefox, ["DIRECT", ASK, REFUSE, ASK]);
    assert_eq!(curl, [REFUSE; 4]);
    // Neither can the file name of a Flatpak application, which is asked for by its id.
    assert_eq!(flatpak, [ASK; 4]);
    assert_eq!(anyone, [ASK; 4]);
}

#[test]
fn privets_own_listeners_are_reached_without_a_proxy() {
    let own = OwnEndpoints {
        listeners: vec![
            "0.0.0.0:7280".parse().unwrap(),
            "192.0.2.9:7281".parse().unwrap(),
        ],
        addresses: vec!["192.168.1.5".parse().unwrap()],
        names: vec![Host::parse("nest.lan").unwrap()],
    };
    let policy = Policy::compile(&config_in("strict"), &[], own).unwrap();
    let pac = pac(&policy, PROXY, Some("127.0.0.1:1080"));
    let refuse = "PROXY 127.0.0.1:7280; SOCKS5 127.0.0.1:1080";
    let rows = [
        ("http://192.168.1.5:7280/", "192.168.1.5", "DIRECT"),
        ("http://192.168.1.5:7281/", "192.168.1.5", refuse),
        ("http://192.0.2.9:7281/proxy.pac", "192.0.2.9", "DIRECT"),
        ("http://nest.lan:7281/", "nest.lan", "DIRECT"),
        ("http://nest.lan/", "nest.lan", refuse),
        ("http://a.test/", "a.test", refuse),
    ];
    let request: Vec<_> = rows.iter().map(|row| (row.0, row.1)).collect();
    let Some(got) = answers(&pac, &request) else {
        return;
    };
    for (row, got) in rows.iter().zip(got) {
        assert_eq!(got, row.2, "{}", row.0);
    }
}

fn config_in(mode: &str) -> Config {
    Config {
        mode: mode.into(),
        ..given::config()
    }
}

#[test]
fn the_pac_file_uses_ecmascript_3_only() {
    let pac = pac(&policy(&given::config()), "a\"b:1", None);
    for new in [
        "let ",
        "const ",
        "=>",
        "`",
        "eval",
        "JSON",
        "trim(",
        "dnsResolve",
        "isInNet",
        "for each",
    ] {
        assert!(!pac.contains(new), "{new}");
    }
    assert!(pac.contains(r#"var ASK = "PROXY a\u0022b:1; DIRECT";"#));
    assert!(
        !pac.contains('$') || !pac.contains("= $"),
        "every place was filled"
    );
}

/// The requests by which the engine may receive the same URL.
fn engine(policy: &Policy, target: &Target, https: bool) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let protocols = if https {
        [Protocol::Connect, Protocol::Socks5]
    } else {
        [Protocol::Http, Protocol::Socks5]
    };
    for protocol in protocols {
        for user in [None, Some("alice".to_owned())] {
            for program in [None, Some(app("curl", "/usr/bin/curl"))] {
                for addresses in [
                    vec![],
                    vec!["10.0.0.1".parse().unwrap()],
                    vec!["192.0.2.7".parse().unwrap()],
                ] {
                    let request = TestRequest {
                        protocol,
                        user: user.clone(),
                        app: program.clone(),
                        target: target.clone(),
                        addresses,
                        url: None,
                        page: None,
                        at: NOW,
                    };
                    verdicts.push(simulate(&request.borrowed(), policy));
                }
            }
        }
    }
    verdicts
}

fn may_go_direct(verdict: &Verdict) -> bool {
    match &verdict.action {
        Action::Block => false,
        Action::Route(Route::Direct(_)) => true,
        Action::Route(Route::Via { fallback, .. }) => fallback.is_some(),
    }
}

fn by_rule(verdict: &Verdict, direct: bool) -> bool {
    let is_direct = matches!(verdict.action, Action::Route(Route::Direct(_)));
    verdict.why.kind == WhyKind::Rule
        && is_direct == direct
        && (direct || verdict.action == Action::Block)
}

#[test]
fn the_file_and_the_engine_agree_over_random_rules() {
    let seed = match std::env::var("PROPTEST_RNG_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
    {
        Some(seed) => seed,
        None => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0u8),
    };
    eprintln!("seed: PROPTEST_RNG_SEED={seed}");
    let mut runner = TestRunner::new(RunnerConfig {
        rng_seed: RngSeed::Fixed(seed),
        ..RunnerConfig::default()
    });
    let mut cases = Vec::new();
    for at in 0..400 {
        let plain = at % 2 == 0;
        let config = config(plain).new_tree(&mut runner).unwrap().current();
        let policy = Policy::compile(&config, &[], own()).unwrap();
        let urls: Vec<_> = (0..12)
            .map(|at| {
                let host = host().new_tree(&mut runner).unwrap().current();
                let target = Target {
                    host: Host::parse(host).unwrap(),
                    port: PORTS[at % 4],
                };
                let scheme = if at % 3 == 0 { "https" } else { "http" };
                (
                    format!("{scheme}://{target}/"),
                    host.to_owned(),
                    target,
                    scheme == "https",
                )
            })
            .collect();
        cases.push((config, policy, plain, urls));
    }
    let files: Vec<_> = cases
        .iter()
        .map(|(_, policy, _, urls)| {
            let request = urls
                .iter()
                .map(|(url, host, ..)| (url.clone(), host.clone()));
            (pac(policy, PROXY, None), request.collect())
        })
        .collect();
    let Some(answers) = run(&files) else { return };
    let mut exact = 0;
    for ((config, policy, plain, urls), answers) in cases.iter().zip(&answers) {
        for ((url, _, target, https), answer) in urls.iter().zip(answers) {
            let context = format!(
                "{url} {answer} {:?} {} seed {seed}",
                config.rules, config.mode
            );
            let has_deny = !config.filter.deny.is_empty();
            exact += check(policy, target, *https, *plain, has_deny, answer, &context);
        }
    }
    assert!(
        exact > 500,
        "only {exact} answers were exact: the random rules no longer meet"
    );
}

/// Whether the answer equals the decision of the engine (1) or is only bounded by it (0).
fn check(
    policy: &Policy,
    target: &Target,
    https: bool,
    plain: bool,
    has_deny: bool,
    answer: &str,
    context: &str,
) -> usize {
    let verdicts = engine(policy, target, https);
    let local = match &target.host {
        Host::Ip(ip) => ip.is_loopback(),
        Host::Name(name) => name.ends_with("localhost"),
    };
    if local {
        assert_eq!(answer, "DIRECT", "{context}");
        return 0;
    }
    if policy.mode().kill_switch {
        assert_eq!(answer, REFUSE, "{context}");
        return 1;
    }
    let ask = match &*policy.mode().name {
        // Its route is an upstream without a fallback.
        "office" => REFUSE,
        _ => ASK,
    };
    match answer {
        "DIRECT" => assert!(verdicts.iter().all(|v| by_rule(v, true)), "{context}"),
        REFUSE if ask == REFUSE => {}
        REFUSE => assert!(!verdicts.iter().any(may_go_direct), "{context}"),
        other => assert_eq!(other, ASK, "{context}"),
    }
    // With known addresses and rules that a URL decides, the answer equals the engine's.
    let explained = explain(
        &TestRequest {
            target: target.clone(),
            ..request_to("a.test:1")
        }
        .borrowed(),
        policy,
    );
    // The rule keeps the filter out, the mode has none, or there is nothing to filter by.
    let passes_filter = explained.steps.iter().any(|step| step.what == "filter");
    let unfiltered = passes_filter || !has_deny;
    let shown = target.host.ip().is_some() || !policy.needs_addresses();
    let decided = !matches!(verdicts[0].why.kind, WhyKind::Deny);
    if plain && shown && decided {
        let want = match &verdicts[0] {
            v if by_rule(v, true) && unfiltered => "DIRECT",
            v if by_rule(v, true) => ask,
            v if v.why.kind == WhyKind::Rule && !may_go_direct(v) => REFUSE,
            _ => ask,
        };
        assert_eq!(answer, want, "{context}");
        return 1;
    }
    0
}
