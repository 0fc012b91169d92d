//! The pairs of a generator: from env files, literals and files, in this order.

use std::collections::HashSet;

use crate::arguments::GeneratorArguments;
use crate::context::{Context, Failed, Result};
use crate::decode::Text;
use crate::error::Code;
use crate::position::Spot;

/// A key, its value, and where the value stands.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    pub(crate) spot: Spot,
}

/// kustomize drops the rest of an env file after a longer line.
const MAX_ENV_LINE: usize = 64 * 1024;

/// All pairs of a generator, sorted by key.
pub(crate) fn load(
    arguments: &GeneratorArguments,
    root: &str,
    context: &mut Context<'_>,
) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    let mut result = Ok(());
    let mut take = |loaded: Result<Vec<Pair>>| match loaded {
        Ok(loaded) => pairs.extend(loaded),
        Err(Failed) => result = Err(Failed),
    };
    for path in &arguments.envs {
        take(env_file(path, root, context));
    }
    for text in &arguments.literals {
        take(literal(text, context).map(|pair| vec![pair]));
    }
    for text in &arguments.files {
        take(file(text, root, context).map(|pair| vec![pair]));
    }
    result?;
    let mut seen = HashSet::new();
    for pair in &pairs {
        if !seen.insert(pair.key.as_str()) {
            let what =
                format!("the generator `{}` has the key `{}` twice", arguments.name, pair.key);
            let spot = if pair.spot.is_known() { pair.spot } else { arguments.spot };
            result = Err(context.fail_with_help(
                Code::InvalidGenerator,
                spot,
                what,
                "Remove or rename one of the two",
            ));
        }
    }
    result?;
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(pairs)
}

fn literal(text: &Text, context: &mut Context<'_>) -> Result<Pair> {
    match text.value.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok(Pair {
            key: key.to_owned(),
            value: unquoted(value).as_bytes().to_vec(),
            spot: text.spot,
        }),
        _ => {
            // Its text is not repeated: it may be a secret.
            let what = "this literal is not of the form key=value";
            Err(context.fail_with_help(
                Code::InvalidGenerator,
                text.spot,
                what,
                "Write `key=value`",
            ))
        }
    }
}

/// Without one pair of equal quotes around it.
fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if value.len() < 2 { value } else { inner('"').or_else(|| inner('\'')).unwrap_or(value) }
}

fn file(text: &Text, root: &str, context: &mut Context<'_>) -> Result<Pair> {
    let parts: Vec<&str> = text.value.split('=').collect();
    let (key, path) = match parts.as_slice() {
        [path] => (path.trim_end_matches('/').rsplit('/').next().unwrap_or(path), *path),
        [key, path] if !key.is_empty() && !path.is_empty() => (*key, *path),
        _ => {
            let what = format!(
                "the file source `{}` is neither a path nor of the form key=path",
                text.value
            );
            return Err(context.fail_with_help(
                Code::InvalidGenerator,
                text.spot,
                what,
                "Write `path` or `key=path` with one `=`",
            ));
        }
    };
    let source = context.read_named(root, path, text.spot)?;
    Ok(Pair {
        key: key.to_owned(),
        value: source.bytes,
        spot: Spot { file: source.file, line: 1, column: 1 },
    })
}

fn env_file(path: &Text, root: &str, context: &mut Context<'_>) -> Result<Vec<Pair>> {
    let source = context.read_named(root, &path.value, path.spot)?;
    let mut pairs = Vec::new();
    for (number, line) in source.bytes.split(|&byte| byte == b'\n').enumerate() {
        let spot = Spot {
            file: source.file,
            line: u32::try_from(number + 1).unwrap_or(u32::MAX),
            column: 1,
        };
        if line.len() >= MAX_ENV_LINE {
            let what = format!(
                "this line has {} bytes; kustomize would drop it and all that follow",
                line.len()
            );
            return Err(context.fail_with_help(
                Code::InvalidGenerator,
                spot,
                what,
                "Put long values into a file of their own and name it under `files`",
            ));
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = std::str::from_utf8(line) else {
            return Err(context.fail_with_help(
                Code::Encoding,
                spot,
                "this line is not UTF-8 text",
                "Save the file as UTF-8",
            ));
        };
        let line = if number == 0 { line.strip_prefix('\u{FEFF}').unwrap_or(line) } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            pairs.push(Pair { key: key.to_owned(), value: value.as_bytes().to_vec(), spot });
        }
    }
    Ok(pairs)
}
