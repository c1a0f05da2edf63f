use privet_cache::Timestamp;
use privet_cache::rules::date::{parse, write};

use super::NOW;

const EXAMPLE: Timestamp = Timestamp(784_111_777);

#[test]
fn the_three_forms_of_the_standard_are_the_same_moment() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(parse(text.as_bytes(), NOW), Some(EXAMPLE), "{text}");
    }
}

#[test]
fn case_says_nothing_and_utc_is_gmt() {
    for text in [
        "SUN, 06 Nov 1994 08:49:37 GMT",
        "sun, 06 NOV 1994 08:49:37 gMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "SUNDAY, 06-nov-94 08:49:37 utc",
        "sun nov  6 08:49:37 1994",
    ] {
        assert_eq!(parse(text.as_bytes(), NOW), Some(EXAMPLE), "{text}");
    }
}

#[test]
fn other_spellings_are_invalid() {
    for text in [
        "",
        "0",
        "-1",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov  1994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08.49.37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Wed, 31 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
    ] {
        assert_eq!(parse(text.as_bytes(), NOW), None, "{text}");
    }
}

#[test]
fn two_digits_of_a_year_are_at_most_fifty_years_ahead() {
    // This year is 2027.
    let year = |text: &str| {
        let mut out = Vec::new();
        write(&mut out, parse(text.as_bytes(), NOW).expect(text));
        String::from_utf8(out).expect("ASCII")[12..16].to_owned()
    };
    assert_eq!(year("Tuesday, 01-Jun-77 00:00:00 GMT"), "2077");
    assert_eq!(year("Thursday, 01-Jun-78 00:00:00 GMT"), "1978");
    assert_eq!(year("Tuesday, 01-Jun-27 00:00:00 GMT"), "2027");
    assert_eq!(year("Tuesday, 01-Jun-99 00:00:00 GMT"), "1999");
}

#[test]
fn leap_days_leap_seconds_and_the_ends_of_the_calendar() {
    let parsed = |text: &str| parse(text.as_bytes(), NOW).map(|time| time.0);
    assert_eq!(parsed("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
    assert_eq!(parsed("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
    assert_eq!(
        parsed("Thu, 01 Mar 1900 00:00:00 GMT"),
        Some(-2_203_891_200)
    );
    assert_eq!(parsed("Thu, 29 Feb 1900 00:00:00 GMT"), None);
    assert_eq!(parsed("Sat, 31 Dec 2016 23:59:60 GMT"), Some(1_483_228_799));
    assert_eq!(parsed("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    assert_eq!(
        parsed("Fri, 31 Dec 9999 23:59:59 GMT"),
        Some(253_402_300_799)
    );
    assert_eq!(
        parsed("Sat, 01 Jan 0000 00:00:00 GMT"),
        Some(-62_167_219_200)
    );
}
