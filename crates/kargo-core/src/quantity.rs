//! Kubernetes quantities (`100m`, `1Gi`, `0.5`, `1e3`), as far as two of them are to be compared: the API server
//! stores them in a form of its own.

/// The smallest amount that a quantity can tell apart is a billionth.
const SCALE: i128 = 1_000_000_000;

/// A quantity in billionths; `None` if the text is none, or too large to be one.
pub fn parse(text: &str) -> Option<i128> {
    let number_ends = text
        .char_indices()
        .find(|(at, letter)| {
            !(letter.is_ascii_digit() || *letter == '.' || (*at == 0 && "+-".contains(*letter)))
        })
        .map_or(text.len(), |(at, _)| at);
    let (number, suffix) = text.split_at(number_ends);
    let (multiplier, divisor) = factor(suffix)?;
    let negative = number.starts_with('-');
    let digits = number.trim_start_matches(['+', '-']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let shift = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let scaled = mantissa.checked_mul(multiplier)?.checked_mul(SCALE)?;
    let divisor = shift.checked_mul(divisor)?;
    // Finer amounts are rounded up.
    let value = scaled / divisor + i128::from(scaled % divisor != 0);
    Some(if negative { -value } else { value })
}

/// What a suffix multiplies and divides by.
fn factor(suffix: &str) -> Option<(i128, i128)> {
    let power = |base: i128, exponent: u32| base.checked_pow(exponent);
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, power(10, 9)?),
        "u" => (1, power(10, 6)?),
        "m" => (1, power(10, 3)?),
        "k" => (power(10, 3)?, 1),
        "M" => (power(10, 6)?, 1),
        "G" => (power(10, 9)?, 1),
        "T" => (power(10, 12)?, 1),
        "P" => (power(10, 15)?, 1),
        "E" => (power(10, 18)?, 1),
        "Ki" => (power(1024, 1)?, 1),
        "Mi" => (power(1024, 2)?, 1),
        "Gi" => (power(1024, 3)?, 1),
        "Ti" => (power(1024, 4)?, 1),
        "Pi" => (power(1024, 5)?, 1),
        "Ei" => (power(1024, 6)?, 1),
        exponent => {
            let exponent: i32 = exponent.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = power(10, exponent.unsigned_abs())?;
            if exponent < 0 { (1, factor) } else { (factor, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::parse;

    #[rstest]
    #[case("100m", "0.1")]
    #[case("1Gi", "1073741824")]
    #[case("1Gi", "1024Mi")]
    #[case("0.5", "500m")]
    #[case("1e3", "1k")]
    #[case("1E3", "1000")]
    #[case("1.5Gi", "1536Mi")]
    #[case("12E", "12000P")]
    #[case("1e-3", "1m")]
    #[case(".5", "500m")]
    #[case("5.", "5")]
    #[case("-1", "-1000m")]
    fn the_same_amount_is_written_in_many_ways(#[case] left: &str, #[case] right: &str) {
        assert!(parse(left).is_some());
        assert_eq!(parse(left), parse(right));
    }

    #[rstest]
    #[case("")]
    #[case("m")]
    #[case("1.2.3")]
    #[case("1 Gi")]
    #[case("one")]
    #[case("1e")]
    #[case("1e99")]
    #[case("0x10")]
    fn what_is_no_quantity(#[case] text: &str) {
        assert_eq!(parse(text), None);
    }
}
