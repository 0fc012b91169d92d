//! Plain scalars that go-yaml reads as points in time, and how they come out: as RFC 3339 text.

/// The RFC 3339 text of a plain scalar that is a date or a time, such as `2020-01-01T00:00:00Z` for
/// `2020-1-1`; `None` for all other scalars.
pub(crate) fn parse(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut rest = Rest(&text[4..]);
    let year: u32 = text[..4].parse().ok()?;
    rest.literal(b"-")?;
    let month = rest.number()?;
    rest.literal(b"-")?;
    let day = rest.number()?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.0.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let with_zone = match rest.0.as_bytes()[0] {
        b'T' | b't' => true,
        b' ' => false,
        _ => return None,
    };
    rest.0 = &rest.0[1..];
    let hour = rest.number()?;
    rest.literal(b":")?;
    let minute = rest.number()?;
    rest.literal(b":")?;
    let second = rest.number()?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = rest.fraction();
    let zone = if with_zone { rest.zone()? } else { "Z".to_owned() };
    rest.0.is_empty().then(|| format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn literal(&mut self, expected: &[u8]) -> Option<()> {
        let matches = self.0.as_bytes().starts_with(expected);
        matches.then(|| self.0 = &self.0[expected.len()..])
    }

    /// One or two digits.
    fn number(&mut self) -> Option<u32> {
        let digits = self.0.bytes().take(2).take_while(u8::is_ascii_digit).count();
        let number = self.0[..digits].parse().ok()?;
        self.0 = &self.0[digits..];
        Some(number)
    }

    /// A fraction of a second, without trailing zeros; empty if there is none.
    fn fraction(&mut self) -> String {
        let Some(after) = self.0.strip_prefix(['.', ',']) else { return String::new() };
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return String::new();
        }
        let nanoseconds = after[..digits.min(9)].trim_end_matches('0');
        self.0 = &after[digits..];
        if nanoseconds.is_empty() { String::new() } else { format!(".{nanoseconds}") }
    }

    /// `Z` or an offset such as `+09:00`.
    fn zone(&mut self) -> Option<String> {
        if self.literal(b"Z").is_some() {
            return Some("Z".to_owned());
        }
        let bytes = self.0.as_bytes();
        let shape = bytes.len() == 6 && matches!(bytes[0], b'+' | b'-') && bytes[3] == b':';
        if !shape || ![1, 2, 4, 5].iter().all(|&at| bytes[at].is_ascii_digit()) {
            return None;
        }
        let (hours, minutes): (u32, u32) = (self.0[1..3].parse().ok()?, self.0[4..].parse().ok()?);
        if hours > 24 || minutes > 59 {
            return None;
        }
        let zone = if hours + minutes == 0 { "Z".to_owned() } else { self.0.to_owned() };
        self.0 = "";
        Some(zone)
    }
}

fn days_in(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
