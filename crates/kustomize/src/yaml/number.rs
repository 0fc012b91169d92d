//! Numbers as Go prints them, because kustomize passes them through text several times.

use serde_json::{Number, Value};

/// Shortest text that reads back as the same number: Go's `FormatFloat(number, 'g', -1, 64)`, which
/// go-yaml uses: `1e+06`, `1.5`, `1e-05`.
pub(crate) fn go_g(number: f64) -> String {
    let (negative, digits, exponent) = shortest(number);
    let body = if (-4..6).contains(&exponent) || number == 0.0 {
        without_exponent(&digits, exponent)
    } else {
        with_exponent(&digits, exponent)
    };
    if negative { format!("-{body}") } else { body }
}

/// A float as kustomize's output has it: through Go's JSON, whose integral numbers below 10^21 are
/// read back as integers.
pub(crate) fn json_number(number: f64) -> Option<Value> {
    if !number.is_finite() {
        return None;
    }
    if number.fract() == 0.0 && number.abs() < 1e21 {
        // Go prints the shortest digits and fills up with zeros.
        let (negative, digits, exponent) = shortest(number);
        let text =
            format!("{}{}", if negative { "-" } else { "" }, without_exponent(&digits, exponent));
        if let Ok(integer) = text.parse::<i64>() {
            return Some(Value::Number(integer.into()));
        }
        if let Ok(integer) = text.parse::<u64>() {
            return Some(Value::Number(integer.into()));
        }
    }
    Number::from_f64(number).map(Value::Number)
}

/// Sign, significant digits, and the decimal exponent of the first digit.
fn shortest(number: f64) -> (bool, String, i32) {
    let text = format!("{:e}", number.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    (number.is_sign_negative(), digits, exponent.parse().unwrap_or(0))
}

fn with_exponent(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.abs())
}

fn without_exponent(digits: &str, exponent: i32) -> String {
    let Ok(before_point) = usize::try_from(exponent + 1) else {
        return format!("0.{}{digits}", "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0)));
    };
    if before_point == 0 {
        format!("0.{digits}")
    } else if digits.len() <= before_point {
        format!("{digits}{}", "0".repeat(before_point - digits.len()))
    } else {
        format!("{}.{}", &digits[..before_point], &digits[before_point..])
    }
}
