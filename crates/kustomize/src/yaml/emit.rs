//! JSON values as YAML text, in the form of `kustomize build`: keys in natural order, lists at the
//! indentation of their key, quotes only where a reader of YAML 1.1 or 1.2 needs them.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::yaml::number::go_g;
use crate::yaml::scalar::{Dialect, Tag, is_base_60, tag_of};

/// One document, ended by a line break.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn indent(levels: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", levels));
}

/// Writes a value whose first line begins where the cursor is.
fn write(value: &Value, level: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by(|(a, _), (b, _)| natural(a, b));
            for (number, (key, value)) in entries.into_iter().enumerate() {
                if number > 0 {
                    indent(level, out);
                }
                scalar(key, level, true, out);
                out.push(':');
                field(value, level, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (number, element) in list.iter().enumerate() {
                if number > 0 {
                    indent(level, out);
                }
                out.push_str("- ");
                write(element, level + 1, out);
                if !out.ends_with('\n') {
                    out.push('\n');
                }
            }
        }
        Value::Object(_) => out.push_str("{}\n"),
        Value::Array(_) => out.push_str("[]\n"),
        Value::String(text) => {
            scalar(text, level, false, out);
            out.push('\n');
        }
        Value::Null => out.push_str("null\n"),
        Value::Bool(value) => out.push_str(if *value { "true\n" } else { "false\n" }),
        Value::Number(value) => {
            out.push_str(&number(value));
            out.push('\n');
        }
    }
}

/// The value of a key.
fn field(value: &Value, level: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            indent(level + 1, out);
            write(value, level + 1, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            indent(level, out);
            write(value, level, out);
        }
        _ => {
            out.push(' ');
            write(value, level + 1, out);
        }
    }
}

fn number(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if !number.is_i64() && !number.is_u64() => go_g(float),
        _ => number.to_string(),
    }
}

/// A string in the plainest form that reads back as itself.
fn scalar(text: &str, level: usize, is_key: bool, out: &mut String) {
    if text.contains('\n') && !is_key && is_good_block(text) {
        block(text, level, out);
    } else if needs_escapes(text) || text.contains('\n') {
        double_quoted(text, out);
    } else if looks_like_something_else(text) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else if is_plain(text) {
        out.push_str(text);
    } else {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    }
}

/// Does a string in one line need quotes of any kind?
pub(crate) fn needs_quotes(text: &str) -> bool {
    needs_escapes(text) || looks_like_something_else(text) || !is_plain(text)
}

fn looks_like_something_else(text: &str) -> bool {
    text.is_empty()
        || is_base_60(text)
        || !matches!(tag_of(text, Dialect::Yaml11), Tag::Str | Tag::Merge)
        || matches!(tag_of(text, Dialect::Resource), Tag::Timestamp)
}

/// Can the text stand without quotes?
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else { return false };
    let indicator = b",[]{}#&*!|>'\"%@`".contains(&first);
    let half_indicator = b"-?:".contains(&first) && bytes.get(1).is_none_or(|&next| next == b' ');
    !indicator
        && !half_indicator
        && first != b' '
        && last != b' '
        && last != b':'
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("---")
        && !text.starts_with("...")
}

fn needs_escapes(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{85}')
            || u32::from(c) > 0xFFFF
    })
}

/// Can the text be written line by line? Spaces at the end of a line and at the start of the first one
/// are too easily lost.
fn is_good_block(text: &str) -> bool {
    !needs_escapes(text)
        && !text.starts_with([' ', '\n'])
        && text.lines().all(|line| !line.ends_with(' '))
        && !text.contains(" \n")
}

fn block(text: &str, level: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    out.push_str(match text.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    let lines = text.strip_suffix('\n').unwrap_or(text);
    for line in lines.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(level.max(1), out);
            out.push_str(line);
        }
    }
    // The caller ends the last line.
}

fn double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{FEFF}' | '\u{2028}' | '\u{2029}' => {
                escape('u', 4, c, out);
            }
            c if c.is_control() => escape('x', 2, c, out),
            c if u32::from(c) > 0xFFFF => escape('U', 8, c, out),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `\xXX`, `\uXXXX` or `\UXXXXXXXX`.
fn escape(kind: char, digits: usize, character: char, out: &mut String) {
    let code = u32::from(character);
    out.push('\\');
    out.push(kind);
    let text = format!("{code:0digits$X}");
    out.push_str(&text);
}

/// Digits by their value, letters after everything else.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut digits = false;
    for at in 0..a.len().min(b.len()) {
        let (left, right) = (a[at], b[at]);
        if left == right {
            digits = left.is_ascii_digit();
            continue;
        }
        let (left_letter, right_letter) = (left.is_alphabetic(), right.is_alphabetic());
        if left_letter && right_letter {
            return left.cmp(&right);
        }
        if left_letter || right_letter {
            return if digits {
                right_letter.cmp(&left_letter).reverse().reverse()
            } else {
                left_letter.cmp(&right_letter)
            };
        }
        return numbers(&a, &b, at).unwrap_or_else(|| left.cmp(&right));
    }
    a.len().cmp(&b.len())
}

/// Compares two numbers around a position at which they differ.
fn numbers(a: &[char], b: &[char], at: usize) -> Option<Ordering> {
    let start = a[..at].iter().rposition(|c| !c.is_ascii_digit()).map_or(0, |before| before + 1);
    let value = |text: &[char]| {
        let digits: String =
            text[start..].iter().take_while(|c| c.is_ascii_digit()).take(18).collect();
        digits.parse::<u64>().ok()
    };
    let (left, right) = (value(a)?, value(b)?);
    (left != right).then(|| left.cmp(&right))
}
