//! What is inspected and scanned: `[inspect]`, `[scan]`, rules and modes.

use privet_config::{Config, Inspect, RuleAction, Scan};
use privet_policy::*;

use crate::given::*;

fn inspecting(hosts: &[&str], except: &[&str]) -> Config {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Config {
        inspect: Inspect {
            enabled: true,
            hosts: texts(hosts),
            except: texts(except),
            ..Inspect::default()
        },
        ..config()
    }
}

fn inspection(config: &Config, target: &str) -> Inspection {
    inspection_of(config, &request_to(target))
}

fn inspection_of(config: &Config, request: &TestRequest) -> Inspection {
    let policy = policy(config);
    let verdict = decide(&request.borrowed(), &policy);
    let explained = explain(&request.borrowed(), &policy);
    assert_eq!(explained.verdict.treatment, verdict.treatment);
    verdict.treatment.inspection
}

const INSPECTED: Inspection = Inspection::Inspect { demanded: false };

#[test]
fn hosts_are_inspected_and_exceptions_pass_untouched() {
    let config = inspecting(
        &["a.test", "*.b.test", "*.paypal.com", "klarna.com"],
        &["x.b.test", "*.y.b.test"],
    );
    use Inspection::{Off, Untouched};
    for (target, expected) in [
        ("a.test:443", INSPECTED),
        ("a.test:8443", INSPECTED),
        ("z.a.test:443", Off),
        ("b.test:443", Off),
        ("z.b.test:443", INSPECTED),
        ("x.b.test:443", Untouched(UntouchedBy::Except)),
        ("z.y.b.test:443", Untouched(UntouchedBy::Except)),
        (
            "www.paypal.com:443",
            Untouched(UntouchedBy::Shipped(ShippedGroup::Banks)),
        ),
        // An entry that names the host itself.
        ("klarna.com:443", INSPECTED),
        ("other.test:443", Off),
    ] {
        assert_eq!(inspection(&config, target), expected, "{target}");
    }
    let mut off = config;
    off.inspect.enabled = false;
    assert_eq!(inspection(&off, "a.test:443"), Off);
}

#[test]
fn only_tunnels_are_inspected_and_nothing_that_is_blocked() {
    let mut config = inspecting(&["a.test"], &[]);
    for (protocol, expected) in [
        (Protocol::Connect, INSPECTED),
        (Protocol::Socks4, INSPECTED),
        (Protocol::Http, Inspection::Off),
        (Protocol::Udp, Inspection::Off),
    ] {
        let request = TestRequest {
            protocol,
            ..request_to("a.test:443")
        };
        assert_eq!(inspection_of(&config, &request), expected, "{protocol:?}");
    }
    config.filter.deny = strings(["a.test"]);
    assert_eq!(inspection(&config, "a.test:443"), Inspection::Off);
}

#[test]
fn rules_and_modes_limit_inspection_by_program_and_user() {
    let mut config = inspecting(&["a.test"], &["never.test"]);
    let with = |inspect: bool, change: fn(&mut privet_config::RuleMatch)| {
        let mut rule = rule(RuleAction::Direct, change);
        rule.inspect = Some(inspect);
        rule
    };
    config.rules = vec![
        with(false, |m| m.app = strings(["backup"])),
        with(true, |m| m.user = strings(["child"])),
    ];
    let of = |config: &Config, target: &str, program: &str, user: Option<&str>| {
        let request = TestRequest {
            app: Some(app(program, "/usr/bin/x")),
            user: user.map(str::to_owned),
            ..request_to(target)
        };
        inspection_of(config, &request)
    };
    let demanded = Inspection::Inspect { demanded: true };
    use Inspection::{Off, Untouched};
    assert_eq!(
        of(&config, "a.test:443", "backup", None),
        Untouched(UntouchedBy::Rule)
    );
    assert_eq!(of(&config, "b.test:443", "backup", None), Off);
    assert_eq!(of(&config, "b.test:443", "curl", Some("child")), demanded);
    assert_eq!(
        of(&config, "paypal.com:443", "curl", Some("child")),
        demanded
    );
    assert_eq!(
        of(&config, "never.test:443", "curl", Some("child")),
        Untouched(UntouchedBy::Except),
        "the file's exceptions hold against rules too"
    );
    assert_eq!(of(&config, "a.test:443", "curl", None), INSPECTED);
    if let Some(mode) = config.modes.get_mut("standard") {
        mode.inspect = false;
    }
    assert_eq!(
        of(&config, "a.test:443", "curl", None),
        Untouched(UntouchedBy::Mode)
    );
    assert_eq!(of(&config, "b.test:443", "curl", None), Off);
}

#[test]
fn a_rule_on_an_unknown_program_refuses_where_inspection_depends_on_it() {
    let mut config = inspecting(&["*.a.test"], &[]);
    let mut demanding = rule(RuleAction::Direct, |m| m.app = strings(["curl"]));
    demanding.inspect = Some(true);
    config.rules = vec![demanding];
    let request = request_to("b.test:443");
    let request = Request {
        app: Program::Undetermined,
        ..request.borrowed()
    };
    let verdict = decide(&request, &policy(&config));
    assert_eq!(verdict.why.kind, WhyKind::Undetermined);
    config.inspect.enabled = false;
    let verdict = decide(&request, &policy(&config));
    assert_eq!(verdict.why.kind, WhyKind::Mode);
}

#[test]
fn bodies_are_scanned_where_the_file_the_mode_and_the_rule_say_so() {
    let mut config = Config {
        scan: Scan {
            enabled: true,
            ..config().scan
        },
        ..config()
    };
    let mut trusted = rule(RuleAction::Direct, |m| m.domain = strings(["own.test"]));
    trusted.scan = Some(false);
    let mut always = rule(RuleAction::Direct, |m| m.domain = strings(["bad.test"]));
    always.scan = Some(true);
    config.rules = vec![trusted, always];
    let scans = |config: &Config, target: &str| {
        let request = request_to(target);
        decide(&request.borrowed(), &policy(config)).treatment.scan
    };
    let all =
        |config: &Config| ["a.test:80", "own.test:80", "bad.test:80"].map(|t| scans(config, t));
    assert_eq!(all(&config), [true, false, true]);
    if let Some(mode) = config.modes.get_mut("standard") {
        mode.scan = false;
    }
    assert_eq!(all(&config), [false, false, true]);
    config.scan.enabled = false;
    assert_eq!(all(&config), [false, false, false]);
}

#[test]
fn the_trace_names_what_decided_about_content() {
    let mut config = inspecting(&["*.a.test"], &["b.a.test"]);
    config.scan.enabled = true;
    let step = |target: &str, what: &str| {
        let explained = explain(&request_to(target).borrowed(), &policy(&config));
        let step = explained.steps.into_iter().find(|step| step.what == what);
        step.map(|step| (step.matched, step.text, step.message.code))
    };
    assert_eq!(
        step("x.a.test:443", "inspect"),
        Some((
            true,
            "`*.a.test` is in [inspect] hosts: HTTPS is inspected".into(),
            "inspect.named"
        ))
    );
    let (matched, text, _) = step("b.a.test:443", "inspect").unwrap();
    assert!(matched && text.contains("except"), "{text}");
    assert!(!step("c.test:443", "inspect").unwrap().0);
    let (matched, text, _) = step("c.test:443", "scan").unwrap();
    assert!(matched && text.contains("are scanned"), "{text}");
    config.inspect.enabled = false;
    config.scan.enabled = false;
    let explained = explain(&request_to("x.a.test:443").borrowed(), &policy(&config));
    assert!(
        explained
            .steps
            .iter()
            .all(|step| step.what != "inspect" && step.what != "scan")
    );
}
