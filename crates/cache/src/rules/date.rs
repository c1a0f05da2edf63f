//! HTTP dates (RFC 9110, 5.6.7): the three forms, read without regard to case (RFC 9111, 4.2).

use super::time::Timestamp;

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const LONG_DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Reads a date. `now` places the two-digit years of RFC 850: a year that would be more than 50 years ahead is the most
/// recent past year with the same digits. The zone is GMT or UTC. A weekday that does not fit the date makes it invalid.
pub fn parse(value: &[u8], now: Timestamp) -> Option<Timestamp> {
    usual(value).or_else(|| any_form(value, now))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in these cases of letters, as almost every server writes it. `None`: another form, or an
/// invalid one.
fn usual(value: &[u8]) -> Option<Timestamp> {
    let &[
        w1,
        w2,
        w3,
        b',',
        b' ',
        d1,
        d2,
        b' ',
        m1,
        m2,
        m3,
        b' ',
        y1,
        y2,
        y3,
        y4,
        b' ',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b' ',
        b'G',
        b'M',
        b'T',
    ] = value
    else {
        return None;
    };
    let weekday = usual_weekday([w1, w2, w3])?;
    let month = usual_month([m1, m2, m3])?;
    let digits = [d1, d2, y1, y2, y3, y4, h1, h2, n1, n2, s1, s2];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let two = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
    let (hour, minute, second) = (two(h1, h2), two(n1, n2), two(s1, s2));
    if hour >= 24 || minute >= 60 || second > 60 {
        return None;
    }
    let time = hour * 3600 + minute * 60 + second.min(59);
    let year = two(y1, y2) * 100 + two(y3, y4);
    timestamp(year, month, two(d1, d2), time, Some(weekday))
}

/// From Monday, 0.
fn usual_weekday(name: [u8; 3]) -> Option<i64> {
    Some(match &name {
        b"Mon" => 0,
        b"Tue" => 1,
        b"Wed" => 2,
        b"Thu" => 3,
        b"Fri" => 4,
        b"Sat" => 5,
        b"Sun" => 6,
        _ => return None,
    })
}

/// From January, 1.
fn usual_month(name: [u8; 3]) -> Option<i64> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

fn any_form(value: &[u8], now: Timestamp) -> Option<Timestamp> {
    let mut text = Text(value);
    let word = text.letters();
    if text.literal(b", ") {
        let weekday = position(&DAYS, word);
        match weekday {
            Some(_) => fixdate(text, weekday),
            None => rfc850(text, position(&LONG_DAYS, word), now),
        }
    } else {
        asctime(text, position(&DAYS, word))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`. Years before 0 and after 9999 are written as those.
pub fn write(out: &mut Vec<u8>, time: Timestamp) {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTH_NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = time.0.clamp(FIRST, LAST);
    let days = seconds.div_euclid(DAY);
    let second = seconds.rem_euclid(DAY);
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], index: i64| {
        usize::try_from(index)
            .ok()
            .and_then(|index| names.get(index).copied())
            .unwrap_or_default()
    };
    out.extend_from_slice(name(&NAMES, (days + 3).rem_euclid(7)).as_bytes());
    out.extend_from_slice(b", ");
    two_digits(out, day);
    out.push(b' ');
    out.extend_from_slice(name(&MONTH_NAMES, month - 1).as_bytes());
    out.push(b' ');
    two_digits(out, year / 100);
    two_digits(out, year % 100);
    for (before, number) in [
        (b' ', second / 3600),
        (b':', second / 60 % 60),
        (b':', second % 60),
    ] {
        out.push(before);
        two_digits(out, number);
    }
    out.extend_from_slice(b" GMT");
}

fn two_digits(out: &mut Vec<u8>, number: i64) {
    let digit = |number: i64| b'0' + (number % 10) as u8;
    out.extend_from_slice(&[digit(number / 10), digit(number)]);
}

const DAY: i64 = 24 * 3600;
/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

/// What is left to read.
#[derive(Clone, Copy)]
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn letters(&mut self) -> &'a [u8] {
        let end = self
            .0
            .iter()
            .position(|byte| !byte.is_ascii_alphabetic())
            .unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    fn literal(&mut self, literal: &[u8]) -> bool {
        match self.0.strip_prefix(literal) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut value = 0;
        for &digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
        }
        self.0 = rest;
        Some(value)
    }

    /// 1 to 12.
    fn month(&mut self) -> Option<i64> {
        let word: &[u8; 3] = self.letters().try_into().ok()?;
        let word = word.map(|letter| letter.to_ascii_lowercase());
        let index = MONTHS.iter().position(|month| **month == word)?;
        i64::try_from(index + 1).ok()
    }

    /// Seconds since midnight. A leap second counts as the second before it.
    fn time_of_day(&mut self) -> Option<i64> {
        let hour = self.digits(2).filter(|&hour| hour < 24)?;
        let minute = self.expect(b":")?.digits(2).filter(|&minute| minute < 60)?;
        let second = self
            .expect(b":")?
            .digits(2)
            .filter(|&second| second <= 60)?;
        Some(hour * 3600 + minute * 60 + second.min(59))
    }

    fn expect(&mut self, literal: &[u8]) -> Option<&mut Self> {
        self.literal(literal).then_some(self)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn zone(&mut self) -> Option<()> {
        let zone = self.expect(b" ")?.letters();
        let known = zone.eq_ignore_ascii_case(b"GMT") || zone.eq_ignore_ascii_case(b"UTC");
        if known { self.end() } else { None }
    }
}

fn position(names: &[&str; 7], word: &[u8]) -> Option<i64> {
    let index = names
        .iter()
        .position(|name| name.as_bytes().eq_ignore_ascii_case(word))?;
    i64::try_from(index).ok()
}

/// `06 Nov 1994 08:49:37 GMT`.
fn fixdate(mut text: Text<'_>, weekday: Option<i64>) -> Option<Timestamp> {
    let day = text.digits(2)?;
    let month = text.expect(b" ")?.month()?;
    let year = text.expect(b" ")?.digits(4)?;
    let time = text.expect(b" ")?.time_of_day()?;
    text.zone()?;
    timestamp(year, month, day, time, weekday)
}

/// `06-Nov-94 08:49:37 GMT`.
fn rfc850(mut text: Text<'_>, weekday: Option<i64>, now: Timestamp) -> Option<Timestamp> {
    let day = text.digits(2)?;
    let month = text.expect(b"-")?.month()?;
    let short = text.expect(b"-")?.digits(2)?;
    let time = text.expect(b" ")?.time_of_day()?;
    text.zone()?;
    let (this_year, ..) = civil(now.0.clamp(FIRST, LAST).div_euclid(DAY));
    let mut year = this_year - this_year.rem_euclid(100) + short;
    if year > this_year + 50 {
        year -= 100;
    } else if year + 100 <= this_year + 50 {
        year += 100;
    }
    timestamp(year, month, day, time, weekday)
}

/// ` Nov  6 08:49:37 1994`.
fn asctime(mut text: Text<'_>, weekday: Option<i64>) -> Option<Timestamp> {
    let month = text.expect(b" ")?.month()?;
    text.expect(b" ")?;
    let day = if text.literal(b" ") {
        text.digits(1)?
    } else {
        text.digits(2)?
    };
    let time = text.expect(b" ")?.time_of_day()?;
    let year = text.expect(b" ")?.digits(4)?;
    text.end()?;
    timestamp(year, month, day, time, weekday)
}

fn timestamp(
    year: i64,
    month: i64,
    day: i64,
    time: i64,
    weekday: Option<i64>,
) -> Option<Timestamp> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let days = days_since_epoch(year, month, day);
    (weekday? == (days + 3).rem_euclid(7)).then_some(Timestamp(days * DAY + time))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar (years are counted from March, eras are 400 years).
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_form_is_read_as_the_parser_of_all_forms_reads_it() {
        let now = Timestamp(1_800_000_000);
        let mut texts = Vec::new();
        for day in (-40_000..80_000).step_by(97) {
            let mut text = Vec::new();
            write(
                &mut text,
                Timestamp(day * DAY + day.rem_euclid(DAY) * 7 % DAY),
            );
            assert!(usual(&text).is_some(), "{}", text.escape_ascii());
            texts.push(text);
        }
        let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
        for at in 0..date.len() {
            for byte in b" 069:;,AnNzZ\x80" {
                let mut text = date.to_vec();
                text[at] = *byte;
                texts.push(text);
            }
            texts.push(date[..at].to_vec());
            texts.push([&date[..at], b"0", &date[at..]].concat());
        }
        for (from, to) in [
            ("06 Nov", "31 Nov"),
            ("06 Nov", "00 Nov"),
            ("08:", "24:"),
            (":49", ":60"),
            (":37", ":60"),
            (":37", ":61"),
            ("GMT", "UTC"),
            ("Sun", "sUN"),
        ] {
            let text = String::from_utf8_lossy(date).replace(from, to);
            texts.push(text.into_bytes());
        }
        for text in texts {
            let text = text.as_slice();
            assert_eq!(
                parse(text, now),
                any_form(text, now),
                "{}",
                text.escape_ascii()
            );
        }
    }
}
