//! What a plain scalar means: a port of the rules, not of the code, of go-yaml v2 and v3.

use crate::yaml::timestamp;

/// Which YAML a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Resources and strategic merge patches (go-yaml v3): `yes` is a string, `0644` is 420,
    /// `2020-01-01` is a point in time.
    Resource,
    /// Kustomization files, JSON patches written as YAML, configurations (go-yaml v2): `yes` is true,
    /// `2020-01-01` is a string.
    Yaml11,
}

/// The tag of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tag {
    /// None: the text decides when the tree is done.
    None,
    Str,
    Int,
    Float,
    Bool,
    Null,
    Timestamp,
    Binary,
    Merge,
    /// A tag of an application, which means a string here.
    Custom,
}

impl Tag {
    /// The tag as it is written in YAML.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Str => "!!str",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Bool => "!!bool",
            Self::Null => "!!null",
            Self::Timestamp => "!!timestamp",
            Self::Binary => "!!binary",
            Self::Merge => "!!merge",
            Self::Custom => "!",
        }
    }
}

/// A plain scalar with its type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// Above the range of `i64`.
    Unsigned(u64),
    Float(f64),
    /// RFC 3339 text of a point in time.
    Timestamp(String),
    Merge,
    Str,
}

impl Resolved {
    pub(crate) fn tag(&self) -> Tag {
        match self {
            Self::Null => Tag::Null,
            Self::Bool(_) => Tag::Bool,
            Self::Int(_) | Self::Unsigned(_) => Tag::Int,
            Self::Float(_) => Tag::Float,
            Self::Timestamp(_) => Tag::Timestamp,
            Self::Merge => Tag::Merge,
            Self::Str => Tag::Str,
        }
    }
}

/// The tag that a plain scalar resolves to.
pub(crate) fn tag_of(text: &str, dialect: Dialect) -> Tag {
    resolve(text, dialect).tag()
}

/// The type and value of a plain scalar.
pub(crate) fn resolve(text: &str, dialect: Dialect) -> Resolved {
    let Some(&first) = text.as_bytes().first() else { return Resolved::Null };
    match first {
        b'~' | b'n' | b'N' if matches!(text, "~" | "null" | "Null" | "NULL") => Resolved::Null,
        b't' | b'T' if matches!(text, "true" | "True" | "TRUE") => Resolved::Bool(true),
        b'f' | b'F' if matches!(text, "false" | "False" | "FALSE") => Resolved::Bool(false),
        b'<' if text == "<<" => Resolved::Merge,
        b'y' | b'Y' | b'n' | b'N' | b'o' | b'O' if dialect == Dialect::Yaml11 => old_bool(text),
        b'.' => dot_float(text),
        b'+' | b'-' | b'0'..=b'9' => number_or_time(text, dialect),
        _ => Resolved::Str,
    }
}

/// Would a YAML 1.1 reader take this plain text for anything but a string? Such strings get quotes.
pub(crate) fn is_not_a_string_in_yaml11(text: &str) -> bool {
    !text.is_empty() && !text.contains('\n') && tag_of(text, Dialect::Yaml11) != Tag::Str
}

/// `1:30` and the like, which YAML 1.1 reads as numbers to the base 60. They are strings here, and get
/// quotes for the sake of other readers.
pub(crate) fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let is_digit_or_underscore = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let mut count = 0;
    let rest_is_valid = parts.all(|part| {
        count += 1;
        match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
            _ => false,
        }
    });
    first.starts_with(|character: char| character.is_ascii_digit())
        && first.bytes().all(is_digit_or_underscore)
        && fraction.bytes().all(is_digit_or_underscore)
        && rest_is_valid
        && count > 0
}

fn old_bool(text: &str) -> Resolved {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Resolved::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Resolved::Bool(false),
        _ => Resolved::Str,
    }
}

fn dot_float(text: &str) -> Resolved {
    match text {
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" => Resolved::Float(f64::INFINITY),
        _ => float(text).map_or(Resolved::Str, Resolved::Float),
    }
}

fn number_or_time(text: &str, dialect: Dialect) -> Resolved {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if let Some(time) = timestamp::parse(text) {
        return match dialect {
            Dialect::Resource => Resolved::Timestamp(time),
            Dialect::Yaml11 => Resolved::Str,
        };
    }
    let without_underscores;
    let plain = if text.contains('_') {
        without_underscores = text.replace('_', "");
        without_underscores.as_str()
    } else {
        text
    };
    if let Some(number) = integer(plain) {
        return number;
    }
    float(plain).map_or(Resolved::Str, Resolved::Float)
}

/// Decimal, `0x`, `0b`, `0o` and, with a leading zero, octal.
fn integer(text: &str) -> Option<Resolved> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = |a: u8, b: u8| a.eq_ignore_ascii_case(&b);
    let bytes = digits.as_bytes();
    let (radix, digits) = match (bytes.first()?, bytes.get(1)) {
        (b'0', Some(&mark)) if lower(mark, b'x') => (16, &digits[2..]),
        (b'0', Some(&mark)) if lower(mark, b'b') => (2, &digits[2..]),
        (b'0', Some(&mark)) if lower(mark, b'o') => (8, &digits[2..]),
        (b'0', Some(_)) => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(magnitude).map(Resolved::Int);
    }
    // Go reads an explicit plus only into the signed range.
    let unsigned = || (!text.starts_with('+')).then_some(Resolved::Unsigned(magnitude));
    i64::try_from(magnitude).map_or_else(|_| unsigned(), |number| Some(Resolved::Int(number)))
}

/// Decimal fractions and exponents; `None` for what does not fit.
fn float(text: &str) -> Option<f64> {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let integer_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = &rest[integer_digits..];
    if let Some(after) = rest.strip_prefix('.') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if integer_digits + digits == 0 {
            return None;
        }
        rest = &after[digits..];
    } else if integer_digits == 0 {
        return None;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
