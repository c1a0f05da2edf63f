//! Who may connect: allowed clients, users, guesses at passwords.

use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use privet_tests::client::{connect, read_all, read_n, socks5_target};
use privet_tests::privet::{Sandbox, Setup};
use privet_tests::{Origin, Privet, TIMEOUT, curl};

#[test]
fn a_listener_beyond_loopback_requires_users_or_allowed_clients() {
    let open = |more: &str| format!("[listen]\nmixed = [\"0.0.0.0:PORT\"]\npac = \"\"\n{more}");
    for more in [
        "allow_clients = [\"127.0.0.0/8\"]\n",
        "users = [{ name = \"a\", password = \"b\" }]\n",
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(&open(more).replace("PORT", &sandbox.mixed.port().to_string()));
        let running = sandbox.run(&Setup::default());
        running.await_line("Ctrl-C stops.");
    }
    let sandbox = Sandbox::new();
    sandbox.write(&open("").replace("PORT", &sandbox.mixed.port().to_string()));
    let mut running = sandbox.run(&Setup::default());
    let code = running.wait(TIMEOUT).code();
    assert!(matches!(code, Some(1 | 2)), "{code:?} {}", running.log());
    assert!(
        running.log().contains("allow_clients"),
        "says the fix: {}",
        running.log()
    );
}

#[test]
fn a_client_not_on_the_allow_list_is_closed_at_once() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nallow_clients = [\"127.0.0.2/32\"]\n",
    );
    let mut stream = connect(privet.proxy());
    let _ = stream.write_all(&[5, 1, 0]);
    assert_eq!(read_all(&mut stream), b"");
}

#[test]
fn a_request_before_authentication_never_connects() {
    let origin = Origin::echo();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"a\", password = \"b\" }]\n",
    );
    // No supported method.
    let mut stream = connect(privet.proxy());
    stream.write_all(&[5, 1, 0]).expect("open");
    assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 0xff]);
    assert_eq!(read_all(&mut stream), b"");
    // A request in place of the login, in one write.
    let mut stream = connect(privet.proxy());
    let request = [
        &[5, 1, 2, 5, 1, 0][..],
        &socks5_target("127.0.0.1", origin.port()),
    ]
    .concat();
    stream.write_all(&request).expect("open");
    assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 2]);
    let rest = read_all(&mut stream);
    assert!(rest.is_empty() || rest[1] != 0, "{rest:?}");
    // SOCKS4 has no password: it is refused.
    let mut stream = connect(privet.proxy());
    stream
        .write_all(
            &[
                &[4, 1],
                &origin.port().to_be_bytes()[..],
                &[127, 0, 0, 1, b'a', 0],
            ]
            .concat(),
        )
        .expect("open");
    let rest = read_all(&mut stream);
    assert!(rest.is_empty() || rest[1] != 90, "{rest:?}");
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn failed_logins_are_slowed_down() {
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"a\", password = \"b\" }]\n",
    );
    let wrong = || {
        let start = Instant::now();
        let mut stream = connect(privet.proxy());
        stream.write_all(&[5, 1, 2]).expect("open");
        read_n(&mut stream, 2).expect("an answer");
        stream.write_all(&[1, 1, b'a', 1, b'x']).expect("open");
        let answer = read_all(&mut stream);
        assert!(answer.is_empty() || answer[1] != 0, "{answer:?}");
        start.elapsed()
    };
    // The delay starts at 100 ms and doubles with each failure.
    let slowest = (0..6).map(|_| wrong()).max().expect("six tries");
    assert!(slowest.as_secs() >= 1, "{slowest:?}");
}

#[test]
fn parallel_guesses_are_checked_one_after_another_and_another_program_gets_in() {
    let origin = Origin::http();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"a\", password = \"b\" }]\n\
         [listen.limits]\nhandshake_timeout = \"4s\"\n",
    );
    let greeted = || {
        let mut stream = connect(privet.proxy());
        stream.write_all(&[5, 1, 2]).expect("open");
        assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 2]);
        stream
    };
    let log_in = |stream: &mut TcpStream, password: u8| {
        let _ = stream.write_all(&[1, 1, b'a', 1, password]);
    };
    let mut guesses: Vec<TcpStream> = (0..300).map(|_| greeted()).collect();
    let mut first = greeted();
    log_in(&mut first, b'x');
    assert_ne!(read_all(&mut first).get(1), Some(&0));
    for guess in &mut guesses[..299] {
        log_in(guess, b'x');
    }
    // The last guess is right.
    log_in(&mut guesses[299], b'b');
    let proxy = format!("http://a:b@{}", privet.proxy());
    curl(&["-x", &proxy, "--max-time", "10", &origin.url("/")]).good();
    for (number, guess) in guesses.iter_mut().enumerate() {
        let answer = read_all(guess);
        assert_ne!(
            answer.get(1),
            Some(&0),
            "guess {number} was let in: {answer:?}"
        );
    }
}

#[test]
fn guesses_at_a_users_password_do_not_hold_up_other_users_of_the_address() {
    let origin = Origin::http();
    let names = ["b", "c", "d", "e", "f", "g", "h", "i"];
    let users: Vec<String> = names
        .iter()
        .map(|name| format!("{{ name = \"{name}\", password = \"b\" }}"))
        .collect();
    let privet = Privet::start(&format!(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n\
         users = [{{ name = \"a\", password = \"b\" }}, {}]\n",
        users.join(", ")
    ));
    let log_in = |name: &str, password: &str, limit: &str| {
        let proxy = format!("http://{name}:{password}@{}", privet.proxy());
        curl(&["-x", &proxy, "-f", "--max-time", limit, &origin.url("/")]).code == 0
    };
    // Six failures: the next login of this user waits for more than three seconds.
    assert!((0..6).all(|_| !log_in("a", "x", "20")));
    assert!(!log_in("a", "b", "1"));
    // Names share a few groups, so that invented ones do not allow more guesses: most of these are in others.
    let quick = names.iter().filter(|name| log_in(name, "b", "2")).count();
    assert!(quick > names.len() / 2, "{quick} of {}", names.len());
}

/// A tunnel of a user by SOCKS5 to an echo, through which bytes pass.
fn tunnel_of(privet: &Privet, name: u8, password: u8, to: u16) -> TcpStream {
    let mut stream = connect(privet.proxy());
    stream.write_all(&[5, 1, 2]).expect("open");
    assert_eq!(read_n(&mut stream, 2).expect("an answer"), [5, 2]);
    stream.write_all(&[1, 1, name, 1, password]).expect("open");
    assert_eq!(read_n(&mut stream, 2).expect("an answer"), [1, 0]);
    let request = socks5_target("127.0.0.1", to);
    stream
        .write_all(&[&[5, 1, 0][..], &request].concat())
        .expect("open");
    assert_eq!(privet_tests::client::socks5_reply(&mut stream)[1], 0);
    passes(&mut stream);
    stream
}

fn passes(stream: &mut TcpStream) {
    stream.write_all(b"x").expect("open");
    assert_eq!(read_n(stream, 1).expect("the echo"), b"x");
}

#[test]
fn tunnels_end_when_the_password_they_logged_in_with_changes() {
    let echo = Origin::echo();
    let text = |alice: char| {
        format!(
            "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{{ name = \"a\", password = \"{alice}\" }}, \
             {{ name = \"b\", password = \"b\" }}]\n"
        )
    };
    let privet = Privet::start(&text('1'));
    let apply = |text: &str| {
        let before = privet.etag("config");
        privet.sandbox.write(text);
        privet.signal(rustix::process::Signal::HUP);
        privet_tests::wait::until("the file is in force", || privet.etag("config") != before);
    };
    let mut old = tunnel_of(&privet, b'a', b'1', echo.port());
    let mut other = tunnel_of(&privet, b'b', b'b', echo.port());
    apply(&text('2'));
    assert_eq!(
        read_all(&mut old),
        b"",
        "the tunnel of the old password stands"
    );
    passes(&mut other);
    let mut new = tunnel_of(&privet, b'a', b'2', echo.port());
    // A change of something else leaves both.
    apply(&(text('2') + "[filter]\ndeny = [\"bad.test\"]\n"));
    passes(&mut other);
    passes(&mut new);
}
