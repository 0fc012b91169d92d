//! Errors and warnings of a build, for people: place, sentence, and the line with a caret below it.

use std::io::{self, Write};

use kustomize::{Position, Tree};

/// Lines longer than this are cut around the caret.
const LONGEST_LINE: usize = 120;

/// How something is said: with colour or without.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    colour: bool,
    source: bool,
}

impl Style {
    /// Colour and source lines on a terminal, and no colour where `NO_COLOR` says so.
    pub(crate) fn of_stderr() -> Self {
        let terminal = io::IsTerminal::is_terminal(&io::stderr());
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colour: terminal && wanted, source: terminal }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// One error or warning.
pub(crate) struct Diagnostic<'a> {
    /// `error` or `warning`.
    pub(crate) severity: &'static str,
    /// Where it is.
    pub(crate) position: Option<&'a Position>,
    /// What happened, without the final full stop.
    pub(crate) what: &'a str,
    /// What to do, without the final full stop.
    pub(crate) help: Option<&'a str>,
}

impl Diagnostic<'_> {
    /// Writes `file:line:column: what. help.`, and the source line where it is wanted. `shown` says how a
    /// file of the tree is called.
    pub(crate) fn write(
        &self,
        out: &mut dyn Write,
        style: Style,
        tree: &dyn Tree,
        shown: &dyn Fn(&str) -> String,
    ) -> io::Result<()> {
        let severity =
            style.paint(if self.severity == "error" { "1;31" } else { "1;33" }, self.severity);
        let place = self.position.map(|position| {
            let file = shown(&position.file);
            match position.line {
                0 => format!("{file}: "),
                line => format!("{file}:{line}:{}: ", position.column),
            }
        });
        write!(
            out,
            "{}{severity}: {}",
            style.paint("1", &place.unwrap_or_default()),
            sentence(self.what)
        )?;
        if let Some(help) = self.help {
            write!(out, " {}", style.paint("36", &sentence(help)))?;
        }
        writeln!(out)?;
        match self.position.filter(|position| style.source && position.line > 0) {
            Some(position) => write_source(out, style, tree, position),
            None => Ok(()),
        }
    }
}

fn write_source(
    out: &mut dyn Write,
    style: Style,
    tree: &dyn Tree,
    position: &Position,
) -> io::Result<()> {
    // What cannot be read again is not worth a second error.
    let Ok(bytes) = tree.read(&position.file) else { return Ok(()) };
    let text = String::from_utf8_lossy(&bytes);
    let Some(line) = text.lines().nth(position.line as usize - 1) else { return Ok(()) };
    let column = (position.column as usize).saturating_sub(1);
    let first = column.saturating_sub(LONGEST_LINE / 2);
    let cut: String = line.chars().skip(first).take(LONGEST_LINE).collect();
    let line: String =
        cut.chars().map(|letter| if letter == '\t' { letter } else { visible(letter) }).collect();
    // Tabs keep their width below the line, so the caret stands under its column.
    let indent: String = line
        .chars()
        .take(column - first)
        .map(|letter| if letter == '\t' { '\t' } else { ' ' })
        .collect();
    let number = position.line.to_string();
    writeln!(out, "{} {line}", style.paint("34", &format!("{number} |")))?;
    writeln!(
        out,
        "{} {indent}{}",
        style.paint("34", &format!("{} |", " ".repeat(number.len()))),
        style.paint("1;31", "^")
    )
}

/// A whole sentence; file names and values in it come from strangers and must not steer the terminal.
fn sentence(text: &str) -> String {
    let mut sentence: String = text.chars().map(visible).collect();
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

fn visible(letter: char) -> char {
    if letter.is_control() { '·' } else { letter }
}
