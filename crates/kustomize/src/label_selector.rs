//! The label selectors of Kubernetes: `app=web,tier in (front,back),!legacy,weight>3`.

/// Requirements that must all hold. No requirements match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Symbol(&'static str),
}

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens { tokens: tokenize(text)?, at: 0 };
        let mut requirements = Vec::new();
        while let Some(token) = tokens.peek() {
            if !matches!(token, Token::Word(_) | Token::Symbol("!")) {
                return Err(format!("{} where a key is expected", shown(Some(token))));
            }
            requirements.push(requirement(&mut tokens)?);
            match tokens.next() {
                None => break,
                Some(Token::Symbol(",")) if tokens.peek().is_some() => {}
                other => {
                    return Err(format!(
                        "{} where `,` and a key are expected",
                        shown(other.as_ref())
                    ));
                }
            }
        }
        Ok(Self { requirements })
    }

    /// Do these labels (or annotations) fulfil all requirements?
    pub(crate) fn matches(&self, labels: &[(&str, &str)]) -> bool {
        self.requirements.iter().all(|requirement| {
            let value =
                labels.iter().find(|(key, _)| *key == requirement.key).map(|(_, value)| *value);
            let number = || value.and_then(|value| value.parse::<i64>().ok());
            let is_one_of = |values: &[String]| {
                value.is_some_and(|value| values.iter().any(|other| other == value))
            };
            match &requirement.operator {
                Operator::Exists => value.is_some(),
                Operator::Missing => value.is_none(),
                Operator::In(values) => is_one_of(values),
                Operator::NotIn(values) => !is_one_of(values),
                Operator::Above(limit) => number().is_some_and(|number| number > *limit),
                Operator::Below(limit) => number().is_some_and(|number| number < *limit),
            }
        })
    }
}

fn requirement(tokens: &mut Tokens) -> Result<Requirement, String> {
    let negated = tokens.accept("!");
    let Some(Token::Word(key)) = tokens.next() else { return Err("`!` without a key".to_owned()) };
    check_key(&key)?;
    let at_end = matches!(tokens.peek(), None | Some(Token::Symbol(",")));
    if negated {
        return if at_end {
            Ok(Requirement { key, operator: Operator::Missing })
        } else {
            Err(format!("an operator after `!{key}`"))
        };
    }
    if at_end {
        return Ok(Requirement { key, operator: Operator::Exists });
    }
    let operator = match tokens.next() {
        Some(Token::Symbol("=" | "==")) => Operator::In(vec![exact(tokens)?]),
        Some(Token::Symbol("!=")) => Operator::NotIn(vec![exact(tokens)?]),
        Some(Token::Symbol(">")) => Operator::Above(number(tokens)?),
        Some(Token::Symbol("<")) => Operator::Below(number(tokens)?),
        Some(Token::Word(word)) if word == "in" => Operator::In(list(tokens)?),
        Some(Token::Word(word)) if word == "notin" => Operator::NotIn(list(tokens)?),
        other => return Err(format!("{} where an operator is expected", shown(other.as_ref()))),
    };
    if let Operator::In(values) | Operator::NotIn(values) = &operator {
        values.iter().try_for_each(|value| check_value(value))?;
    }
    Ok(Requirement { key, operator })
}

fn exact(tokens: &mut Tokens) -> Result<String, String> {
    match tokens.peek() {
        None | Some(Token::Symbol(",")) => Ok(String::new()),
        Some(Token::Word(_)) => match tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Ok(String::new()),
        },
        other => Err(format!("{} where a value is expected", shown(other))),
    }
}

fn number(tokens: &mut Tokens) -> Result<i64, String> {
    exact(tokens)?.parse().map_err(|_| "`<` and `>` need a whole number".to_owned())
}

/// `(a, b)`; empty places are empty values.
fn list(tokens: &mut Tokens) -> Result<Vec<String>, String> {
    if !tokens.accept("(") {
        return Err(format!("{} where `(` is expected", shown(tokens.peek())));
    }
    let mut values = Vec::new();
    loop {
        match tokens.next() {
            Some(Token::Word(word)) => {
                values.push(word);
                match tokens.next() {
                    Some(Token::Symbol(",")) => {
                        if tokens.accept(")") {
                            values.push(String::new());
                            return Ok(values);
                        }
                    }
                    Some(Token::Symbol(")")) => return Ok(values),
                    other => {
                        return Err(format!(
                            "{} where `,` or `)` is expected",
                            shown(other.as_ref())
                        ));
                    }
                }
            }
            Some(Token::Symbol(",")) => {
                values.push(String::new());
                if tokens.accept(")") {
                    return Ok(values);
                }
            }
            Some(Token::Symbol(")")) => {
                values.push(String::new());
                return Ok(values);
            }
            other => return Err(format!("{} where a value is expected", shown(other.as_ref()))),
        }
    }
}

fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) =
        key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_is_valid = prefix.is_none_or(|prefix| {
        !prefix.is_empty()
            && prefix.len() <= 253
            && prefix.split('.').all(|part| {
                let ends = |byte: Option<u8>| {
                    byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
                };
                ends(part.bytes().next())
                    && ends(part.bytes().last())
                    && part.bytes().all(|byte| byte == b'-' || ends(Some(byte)))
            })
    });
    if prefix_is_valid && !name.is_empty() && is_label_text(name) {
        Ok(())
    } else {
        Err(format!("`{key}` is not a valid key"))
    }
}

fn check_value(value: &str) -> Result<(), String> {
    if value.is_empty() || is_label_text(value) {
        Ok(())
    } else {
        Err(format!("`{value}` is not a valid value"))
    }
}

fn is_label_text(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.bytes().next())
        && ends(text.bytes().last())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

struct Tokens {
    tokens: Vec<Token>,
    at: usize,
}

impl Tokens {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(own)) if *own == symbol);
        self.at += usize::from(found);
        found
    }
}

fn tokenize(text: &str) -> Result<Vec<Token>, String> {
    const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let length = if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol))
        {
            tokens.push(Token::Symbol(symbol));
            symbol.len()
        } else {
            let end = rest
                .find(|c: char| c.is_ascii_whitespace() || "=!(),><".contains(c))
                .unwrap_or(rest.len());
            if end == 0 {
                return Err("a character that cannot be read".to_owned());
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            end
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn shown(token: Option<&Token>) -> String {
    match token {
        None => "the end".to_owned(),
        Some(Token::Word(word)) => format!("`{word}`"),
        Some(Token::Symbol(symbol)) => format!("`{symbol}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        let labels = [("app", "web"), ("tier", "front"), ("weight", "5")];
        let table = [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app = api", false),
            ("app in (web, api)", true),
            ("tier notin (front)", false),
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("weight>4,weight<6", true),
            ("weight>5", false),
            ("other!=x", true),
            ("other=", false),
        ];
        for (text, expected) in table {
            assert_eq!(
                LabelSelector::parse(text).map(|selector| selector.matches(&labels)),
                Ok(expected),
                "{text}"
            );
        }
        for text in [
            "=",
            "app=web,",
            "app in web",
            "a b",
            "app in (web",
            "!",
            "-a=b",
            "a=b c",
            "weight>x",
            "(",
            "app=web tier",
        ] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }
}
