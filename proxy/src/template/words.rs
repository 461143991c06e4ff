//! The words of an action: calls and their arguments.

use super::parse::DEEPEST;

/// Calls, each of which gets the result of the one before as its last argument.
pub(super) type Pipeline = Vec<Vec<Operand>>;

/// A function's name or an argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Nothing,
    Text(String),
    Number(i64),
    Float(f64),
    Flag(bool),
    /// `.`, `.Name`, `.Labels.key`.
    Field(Vec<String>),
    /// `$x`, `$x.key`.
    Variable(String, Vec<String>),
    Name(String),
    /// `(…)`, `(…).key`.
    Nested(Pipeline, Vec<String>),
}

/// Reads calls and what connects them.
pub(super) fn pipeline(text: &str) -> Result<Pipeline, String> {
    let mut words = Words { rest: text, depth: 0 };
    let parsed = words.pipeline()?;
    if words.rest.trim().is_empty() { Ok(parsed) } else { Err(format!("nothing is expected before `{}`", words.rest)) }
}

/// What is left of an action.
pub(super) struct Words<'a> {
    pub(super) rest: &'a str,
    pub(super) depth: usize,
}

impl Words<'_> {
    fn pipeline(&mut self) -> Result<Pipeline, String> {
        let mut calls = vec![Vec::new()];
        loop {
            self.rest = self.rest.trim_start();
            let Some(first) = self.rest.chars().next() else { break };
            match first {
                '|' => {
                    self.rest = self.rest.get(1..).unwrap_or_default();
                    calls.push(Vec::new());
                }
                ')' => break,
                _ => {
                    let operand = self.operand(first)?;
                    if let Some(call) = calls.last_mut() {
                        call.push(operand);
                    }
                }
            }
        }
        // As in Go, where nothing has to follow the last one.
        if calls.len() > 1 && calls.last().is_some_and(Vec::is_empty) {
            calls.pop();
        }
        if calls.iter().any(Vec::is_empty) { Err("an empty action".to_owned()) } else { Ok(calls) }
    }

    pub(super) fn operand(&mut self, first: char) -> Result<Operand, String> {
        match first {
            '`' => {
                let inner = self.rest.get(1..).unwrap_or_default();
                let (text, rest) = inner.split_once('`').ok_or("a text without end")?;
                self.rest = rest;
                return Ok(Operand::Text(text.to_owned()));
            }
            '"' => return self.quoted('"').map(Operand::Text),
            '\'' => {
                let text = self.quoted('\'')?;
                let mut characters = text.chars();
                return match (characters.next(), characters.next()) {
                    (Some(c), None) => Ok(Operand::Number(i64::from(u32::from(c)))),
                    _ => Err(format!("'{text}' is not one character: texts have double quotes")),
                };
            }
            '(' => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err("nested too deeply".to_owned());
                }
                self.rest = self.rest.get(1..).unwrap_or_default();
                let nested = self.pipeline()?;
                self.rest = self.rest.strip_prefix(')').ok_or("`(` without `)`")?;
                self.depth -= 1;
                let fields = if self.rest.starts_with('.') { path(self.word()) } else { Vec::new() };
                return Ok(Operand::Nested(nested, fields));
            }
            _ => {}
        }
        let word = self.word();
        Ok(match word {
            "nil" => Operand::Nothing,
            "true" | "false" => Operand::Flag(word == "true"),
            _ if word.starts_with('.') => Operand::Field(path(word)),
            _ if word.starts_with('$') => {
                let (name, fields) = word.split_once('.').unwrap_or((word, ""));
                Operand::Variable(name.to_owned(), path(fields))
            }
            _ if first.is_ascii_digit() || "+-".contains(first) => number(word)?,
            _ => Operand::Name(word.to_owned()),
        })
    }

    fn word(&mut self) -> &str {
        let end = self.rest.find(|c: char| c.is_whitespace() || "|()\"`".contains(c)).unwrap_or(self.rest.len());
        // A character that stands for nothing is a word of its own.
        let end = end.max(self.rest.chars().next().map_or(0, char::len_utf8));
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// A text in quotes, with Go's escapes.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => {
                    text.push(unescape(characters.by_ref().map(|(_, c)| c)).ok_or("an escape that does not exist")?);
                }
                _ if c == quote => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(text);
                }
                _ => text.push(c),
            }
        }
        Err("a text without end".to_owned())
    }
}

/// A number as Go writes it.
fn number(word: &str) -> Result<Operand, String> {
    let digits = word.replace('_', "");
    let (sign, rest) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    // One sign at most, and before what says the base.
    let read = |text: &str, base| {
        let is_unsigned = !text.starts_with(['+', '-']);
        is_unsigned.then(|| i64::from_str_radix(&format!("{sign}{text}"), base).ok()).flatten()
    };
    let bases = [("0x", 16), ("0o", 8), ("0b", 2)];
    let based = bases.into_iter().find_map(|(prefix, base)| read(rest.strip_prefix(prefix)?, base));
    // A zero before other digits makes them octal.
    let octal = rest.len() > 1 && rest.starts_with('0') && rest.bytes().all(|byte| byte.is_ascii_digit());
    let plain = if octal { read(rest, 8) } else { digits.parse().ok() };
    if octal && plain.is_none() {
        return Err(format!("`{word}` is no number"));
    }
    match (based.or(plain), digits.parse()) {
        (Some(number), _) => Ok(Operand::Number(number)),
        (None, Ok(number)) => Ok(Operand::Float(number)),
        (None, Err(_)) => Err(format!("`{word}` is no number")),
    }
}

/// What stands for a character after a backslash.
fn unescape(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let digits = match characters.next()? {
        c @ ('\\' | '"' | '\'') => return Some(c),
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let code: String = characters.take(digits).filter(char::is_ascii_hexdigit).collect();
    let whole = Some(code).filter(|code| code.len() == digits)?;
    char::from_u32(u32::from_str_radix(&whole, 16).ok()?)
}

fn path(text: &str) -> Vec<String> {
    text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
