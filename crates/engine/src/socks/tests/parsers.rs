//! The parsers by tables, and by properties: any bytes, any split.

use privet_policy::{Host, Target};
use proptest::prelude::*;

use crate::socks::parsed::{Command, ParseError, Parsed};
use crate::socks::v5::{Greeting, Method, SocksRequest};
use crate::socks::{v4, v5};

fn target(host: &str, port: u16) -> Target {
    let host = Host::parse(host).unwrap();
    Target { host, port }
}

fn socks_request(command: Command, host: &str, port: u16) -> SocksRequest {
    SocksRequest {
        command,
        target: target(host, port),
    }
}

/// The result of parsing again after every byte.
fn by_drops<T>(bytes: &[u8], parse: fn(&[u8]) -> Parsed<T>) -> Parsed<T> {
    for end in 0..bytes.len() {
        match parse(&bytes[..end]) {
            Parsed::Incomplete => {}
            answer => return answer,
        }
    }
    parse(bytes)
}

#[test]
fn a_greeting_gives_the_supported_methods_it_offers() {
    let both = Greeting {
        offers_none: true,
        offers_password: true,
    };
    let gssapi_only = Greeting {
        offers_none: false,
        offers_password: false,
    };
    let table: [(&[u8], Parsed<Greeting>); 7] = [
        (b"\x05", Parsed::Incomplete),
        (b"\x05\x02\x00", Parsed::Incomplete),
        (b"\x05\x02\x00\x02", Parsed::Complete(both, 4)),
        (b"\x05\x02\x00\x02rest", Parsed::Complete(both, 4)),
        (b"\x05\x01\x01\x00", Parsed::Complete(gssapi_only, 3)),
        (b"\x05\x00", Parsed::Invalid(ParseError::NoMethods)),
        (b"\x04\x01\x00", Parsed::Invalid(ParseError::Version)),
    ];
    for (bytes, expected) in table {
        assert_eq!(v5::greeting(bytes), expected, "{bytes:?}");
    }
}

#[test]
fn a_method_that_was_not_offered_is_never_chosen() {
    for requires_authentication in [false, true] {
        for (offers_none, offers_password) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let greeting = Greeting {
                offers_none,
                offers_password,
            };
            match greeting.choose(requires_authentication) {
                Method::None => assert!(offers_none && !requires_authentication),
                Method::Password => {
                    assert!(offers_password && (requires_authentication || !offers_none))
                }
                Method::Unacceptable => {
                    assert!(!offers_password && (requires_authentication || !offers_none))
                }
            }
        }
    }
}

#[test]
fn a_login_is_one_to_255_bytes_of_name_and_up_to_255_of_password() {
    let bytes = b"\x01\x05alice\x06secretmore";
    let Parsed::Complete(login, 14) = v5::login(bytes) else {
        panic!("{:?}", v5::login(bytes));
    };
    assert_eq!(login.name(bytes), b"alice");
    assert_eq!(login.password(bytes), b"secret");
    assert_eq!(
        v5::login(b"\x01\x00\x01x"),
        Parsed::Invalid(ParseError::EmptyLogin)
    );
    let bytes = b"\x01\x01x\x00more";
    let Parsed::Complete(login, 4) = v5::login(bytes) else {
        panic!("{:?}", v5::login(bytes));
    };
    assert_eq!(login.name(bytes), b"x");
    assert_eq!(login.password(bytes), b"");
    let longest = [&[1, 255][..], &[b'n'; 255], &[255], &[b'p'; 255]].concat();
    assert!(matches!(v5::login(&longest), Parsed::Complete(_, 513)));
    assert_eq!(v5::login(&longest[..512]), Parsed::Incomplete);
}

#[test]
fn a_request_in_place_of_a_login_is_refused_at_its_first_byte() {
    assert_eq!(v5::login(b"\x05"), Parsed::Invalid(ParseError::Version));
}

#[test]
fn socks5_requests_are_parsed_as_in_rfc_1928() {
    use Command::{Associate, Bind, Connect};
    let v6 = [
        &b"\x05\x01\x00\x04\x20\x01\x0d\xb8"[..],
        &[0; 11],
        &[1, 1, 0xbb],
    ]
    .concat();
    let mapped = [
        &b"\x05\x01\x00\x04"[..],
        &[0; 10],
        b"\xff\xff\x7f\0\0\x01\0\x50",
    ]
    .concat();
    let table: [(&[u8], Parsed<SocksRequest>); 12] = [
        (
            b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50",
            Parsed::Complete(socks_request(Connect, "192.0.2.1", 80), 10),
        ),
        (
            b"\x05\x02\x00\x03\x06A.test\x01\xbbextra",
            Parsed::Complete(socks_request(Bind, "a.test", 443), 13),
        ),
        (
            b"\x05\x03\x00\x03\x09127.0.0.1\x00\x00",
            Parsed::Complete(socks_request(Associate, "127.0.0.1", 0), 16),
        ),
        (
            &v6,
            Parsed::Complete(socks_request(Connect, "2001:db8::1", 443), 22),
        ),
        (
            &mapped,
            Parsed::Complete(socks_request(Connect, "127.0.0.1", 80), 22),
        ),
        (b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00", Parsed::Incomplete),
        (b"\x05\x04", Parsed::Invalid(ParseError::Command)),
        (b"\x05\x01\x07", Parsed::Invalid(ParseError::Reserved)),
        (
            b"\x05\x01\x00\x02",
            Parsed::Invalid(ParseError::AddressType),
        ),
        (
            b"\x05\x01\x00\x03\x00",
            Parsed::Invalid(ParseError::EmptyName),
        ),
        (
            b"\x05\x01\x00\x03\x03a b\x00\x50",
            Parsed::Invalid(ParseError::BadName),
        ),
        (
            b"\x05\x01\x00\x03\x02\xff\xfe\x00\x50",
            Parsed::Invalid(ParseError::BadName),
        ),
    ];
    for (bytes, expected) in table {
        assert_eq!(v5::request(bytes), expected, "{bytes:?}");
        assert_eq!(
            by_drops(bytes, v5::request),
            expected,
            "{bytes:?} byte by byte"
        );
    }
}

#[test]
fn socks4_and_4a_requests_are_parsed_with_bounded_fields() {
    use Command::{Bind, Connect};
    let long_user = [&b"\x04\x01\x00\x50\x7f\x00\x00\x01"[..], &[b'u'; 256], &[0]].concat();
    let user_255 = [&b"\x04\x01\x00\x50\x7f\x00\x00\x01"[..], &[b'u'; 255], &[0]].concat();
    let long_name = [&b"\x04\x01\x00\x50\x00\x00\x00\x01\x00"[..], &[b'n'; 256]].concat();
    let table: [(&[u8], Parsed<SocksRequest>); 11] = [
        (
            b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00early",
            Parsed::Complete(socks_request(Connect, "127.0.0.1", 80), 9),
        ),
        (
            b"\x04\x02\x00\x50\x7f\x00\x00\x01bob\x00",
            Parsed::Complete(socks_request(Bind, "127.0.0.1", 80), 12),
        ),
        (
            b"\x04\x01\x01\xbb\x00\x00\x00\x07bob\x00a.test\x00!",
            Parsed::Complete(socks_request(Connect, "a.test", 443), 19),
        ),
        (
            b"\x04\x01\x01\xbb\x00\x00\x00\x00\x00",
            Parsed::Complete(socks_request(Connect, "0.0.0.0", 443), 9),
        ),
        (
            &user_255,
            Parsed::Complete(socks_request(Connect, "127.0.0.1", 80), 264),
        ),
        (b"\x04\x01\x00\x50\x7f\x00\x00\x01bob", Parsed::Incomplete),
        (b"\x04\x03", Parsed::Invalid(ParseError::Command)),
        (
            b"\x04\x01\x01\xbb\x00\x00\x00\x07\x00\x00",
            Parsed::Invalid(ParseError::EmptyName),
        ),
        (
            b"\x04\x01\x01\xbb\x00\x00\x00\x07\x00a/b\x00",
            Parsed::Invalid(ParseError::BadName),
        ),
        (&long_user, Parsed::Invalid(ParseError::TooLong)),
        (&long_name, Parsed::Invalid(ParseError::TooLong)),
    ];
    for (bytes, expected) in table {
        assert_eq!(v4::request(bytes), expected, "{bytes:?}");
        assert_eq!(
            by_drops(bytes, v4::request),
            expected,
            "{bytes:?} byte by byte"
        );
    }
}

#[test]
fn a_socks4_reply_has_address_and_port() {
    assert_eq!(v4::reply(v4::REJECTED, None), [0, 91, 0, 0, 0, 0, 0, 0]);
    let v4_bound = "192.0.2.7:258".parse().ok();
    assert_eq!(
        v4::reply(v4::GRANTED, v4_bound),
        [0, 90, 1, 2, 192, 0, 2, 7]
    );
    let v6_bound = "[2001:db8::1]:258".parse().ok();
    assert_eq!(v4::reply(v4::GRANTED, v6_bound), [0, 90, 1, 2, 0, 0, 0, 0]);
}

/// Bytes that often are messages: random bytes would rarely pass the first field.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let fields = prop::collection::vec(
        prop_oneof![
            Just(vec![5, 1, 0, 3]),
            Just(vec![5, 1, 0, 1]),
            Just(vec![5, 2, 0, 4]),
            Just(vec![4, 1, 0, 80, 0, 0, 0, 1]),
            Just(vec![1, 2, b'a', b'b']),
            Just(vec![5, 2, 0, 2]),
            "[a-z0-9.-]{0,40}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..40),
        ],
        0..6,
    );
    fields.prop_map(|fields| fields.concat())
}

/// The result for a prefix is the result for the whole, and a message is not longer than its input.
fn holds<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    parse: fn(&[u8]) -> Parsed<T>,
) -> Result<(), TestCaseError> {
    let whole = parse(bytes);
    if let Parsed::Complete(_, used) = &whole {
        prop_assert!(*used <= bytes.len());
        prop_assert_eq!(&parse(&bytes[..*used]), &whole);
    }
    prop_assert_eq!(by_drops(bytes, parse), whole);
    Ok(())
}

fn encode(message: &SocksRequest) -> Vec<u8> {
    let command = match message.command {
        Command::Connect => 1,
        Command::Bind => 2,
        Command::Associate => 3,
    };
    let mut bytes = vec![5, command, 0];
    match &message.target.host {
        Host::Ip(std::net::IpAddr::V4(ip)) => {
            bytes.push(1);
            bytes.extend(ip.octets());
        }
        Host::Ip(std::net::IpAddr::V6(ip)) => {
            bytes.push(4);
            bytes.extend(ip.octets());
        }
        Host::Name(name) => {
            bytes.push(3);
            bytes.push(name.len() as u8);
            bytes.extend(name.bytes());
        }
    }
    bytes.extend(message.target.port.to_be_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_input_panics_and_no_split_changes_a_result(bytes in messages()) {
        holds(&bytes, v5::greeting)?;
        holds(&bytes, v5::login)?;
        holds(&bytes, v5::request)?;
        holds(&bytes, v5::address)?;
        holds(&bytes, v4::request)?;
    }

    #[test]
    fn a_request_survives_writing_and_parsing(
        command in prop_oneof![Just(Command::Connect), Just(Command::Bind), Just(Command::Associate)],
        host in prop_oneof![
            any::<[u8; 4]>().prop_map(|octets| Host::Ip(std::net::IpAddr::from(octets))),
            any::<[u8; 16]>().prop_map(|octets| Host::Ip(std::net::IpAddr::from(octets).to_canonical())),
            "[a-z][a-z0-9-]{0,60}\\.[a-z]{2,10}".prop_map(|name| Host::parse(&name).unwrap()),
        ],
        port: u16,
    ) {
        let message = SocksRequest { command, target: Target { host, port } };
        let bytes = encode(&message);
        prop_assert_eq!(v5::request(&bytes), Parsed::Complete(message, bytes.len()));
    }
}
