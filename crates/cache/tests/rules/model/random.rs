//! Random numbers of a history, and field lines in random spellings.

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `end - 1`.
    pub fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.next() % u64::try_from(end).expect("a positive end"))
            .expect("it is below")
    }

    /// One of `of`.
    pub fn chance(&mut self, of: i64) -> bool {
        self.below(of) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as i64)).expect("an index")]
    }

    /// A number of seconds, often one at an edge.
    pub fn seconds(&mut self) -> i64 {
        match self.below(4) {
            0 => self.below(3),
            1 => self.below(20),
            2 => self.below(200),
            _ => self.pick(&[0, 1, 10, 30, 60, 100]),
        }
    }

    /// How far the clock moves: mostly ahead, rarely back.
    pub fn step(&mut self) -> i64 {
        if self.chance(12) {
            -self.seconds()
        } else {
            self.seconds()
        }
    }

    /// The same name in another case.
    pub fn case(&mut self, text: &str) -> String {
        let upper = self.below(3);
        let each = |(index, c): (usize, char)| match upper {
            0 => c,
            1 => c.to_ascii_uppercase(),
            _ if index % 2 == 0 => c.to_ascii_uppercase(),
            _ => c,
        };
        text.chars().enumerate().map(each).collect()
    }

    /// A directive: a name, and a number that may be quoted or have zeros in front.
    pub fn directive(&mut self, name: &str, number: Option<i64>) -> String {
        let name = self.case(name);
        match number {
            None => name,
            Some(number) => match self.below(4) {
                0 => format!("{name}=\"{number}\""),
                1 => format!("{name}=00{number}"),
                _ => format!("{name}={number}"),
            },
        }
    }

    /// `Cache-Control` lines of directives in their order, with noise that says nothing between them.
    pub fn control(&mut self, directives: Vec<String>) -> Vec<(String, String)> {
        let mut lines = vec![String::new()];
        for directive in directives {
            if self.chance(4) {
                lines.push(String::new());
            }
            let noise = match self.below(8) {
                0 => "ext=\"max-age=77, no-store, \\\"no-cache\", ",
                1 => "foo, ",
                2 => ", ,",
                3 => "bar=1,\t",
                _ => "",
            };
            let line = lines.last_mut().expect("there is one");
            if !line.is_empty() {
                line.push_str([",", ", ", " ,  "][usize::from(noise.len() % 3 == 1)]);
            }
            line.push_str(noise);
            line.push_str(&directive);
        }
        let name = |random: &mut Random| random.case("cache-control");
        lines.retain(|line| !line.is_empty());
        lines.into_iter().map(|line| (name(self), line)).collect()
    }

    /// A date in one of the three forms.
    pub fn date(&mut self, seconds: i64) -> String {
        let text = super::super::date(seconds);
        let (weekday, rest) = text.split_once(", ").expect("a fixdate");
        let parts: Vec<&str> = rest.split(' ').collect();
        let [day, month, year, time, _] = parts[..] else {
            panic!("a fixdate");
        };
        match self.below(6) {
            0 => format!(
                "{weekday} {month} {:>2} {time} {year}",
                day.trim_start_matches('0')
            ),
            1 => {
                let long = [
                    "Monday",
                    "Tuesday",
                    "Wednesday",
                    "Thursday",
                    "Friday",
                    "Saturday",
                    "Sunday",
                ];
                let long = long
                    .iter()
                    .find(|long| long.starts_with(weekday))
                    .expect("a weekday");
                format!("{long}, {day}-{month}-{} {time} GMT", &year[2..])
            }
            _ => self.case(&text),
        }
    }
}
