//! Encodings, control characters, and the split of a file into documents.

use std::borrow::Cow;

use crate::error::Code;

/// Something wrong in a text: where (line and column from 1), what, and what to do.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) what: String,
    pub(crate) help: Option<String>,
}

impl Fault {
    pub(crate) fn new(code: Code, line: usize, column: usize, what: impl Into<String>) -> Self {
        let clamp = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { code, line: clamp(line), column: clamp(column), what: what.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The text of a file: UTF-8, or UTF-16 with a byte order mark; without the mark, lines ended by `\n`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)?),
        [0xFE, 0xFF, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)?),
        [0xEF, 0xBB, 0xBF, rest @ ..] => Cow::Borrowed(utf8(rest)?),
        _ => Cow::Borrowed(utf8(bytes)?),
    };
    refuse_control_characters(&text)?;
    Ok(if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { text })
}

fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = place(bytes, error.valid_up_to());
        Fault::new(Code::Encoding, line, column, "this is not UTF-8 text")
            .help("Save the file as UTF-8; binary files belong into `files` of a generator")
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, Fault> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.map_err(|_| {
        Fault::new(Code::Encoding, 1, 1, "this is not valid UTF-16 text")
            .help("Save the file as UTF-8")
    })
}

/// YAML allows no control characters but tab and line breaks.
fn refuse_control_characters(text: &str) -> Result<(), Fault> {
    let suspicious =
        |byte: u8| (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7F;
    let Some(offset) = text.bytes().position(suspicious) else { return Ok(()) };
    let (line, column) = place(text.as_bytes(), offset);
    let byte = text.as_bytes()[offset];
    Err(Fault::new(
        Code::Encoding,
        line,
        column,
        format!("the control character 0x{byte:02X} is not allowed in YAML"),
    )
    .help("Remove it, or write it as an escape in double quotes"))
}

/// Line and column (from 1) of a byte offset.
fn place(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset];
    let line = before.split(|&byte| byte == b'\n').count();
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    (line, column)
}

/// One part of a file between lines that start with `---`.
#[derive(Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Number of lines before the chunk.
    pub(crate) lines_before: usize,
}

/// Splits at every line that starts with `---` (but the first line), as kustomize does before it
/// parses: also inside of block scalars.
pub(crate) fn split_documents(text: &str) -> Result<Vec<Chunk<'_>>, Fault> {
    let mut chunks = Vec::new();
    let (mut start, mut lines_before, mut line) = (0, 0, 1);
    let mut line_start = 0;
    let mut previous_was_separator = false;
    while let Some(length) = text[line_start..].find('\n') {
        let line_end = line_start + length;
        let content = &text[line_start..line_end];
        // The line break before a separator belongs to it and cannot end another separator.
        let separates = line > 1 && content.starts_with("---") && !previous_was_separator;
        if separates {
            let after = content[3..].trim();
            if !after.is_empty() && !after.starts_with('#') {
                return Err(Fault::new(
                    Code::Yaml,
                    line,
                    4,
                    "text stands on the same line as the document separator `---`",
                )
                .help("Put `---` on a line of its own"));
            }
            chunks.push(Chunk { text: Cow::Borrowed(&text[start..line_start]), lines_before });
            start = line_end + 1;
            lines_before = line;
        }
        previous_was_separator = separates;
        line_start = line_end + 1;
        line += 1;
    }
    chunks.push(Chunk { text: Cow::Borrowed(&text[start..]), lines_before });
    Ok(chunks)
}
