//! Compose's dialect of env files: `NAME=value`, `NAME: value`, `export NAME=value`, `NAME`, quotes and variables.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::interpolate::template::{self, TemplateErrorKind, Variables};
use crate::model::StringMap;

/// What is wrong with an env file, and the offset where. Never holds any of its text, as that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvError {
    pub(crate) at: usize,
    pub(crate) kind: EnvErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnvErrorKind {
    /// A name with white space inside.
    Space,
    /// A name with a character that names cannot have.
    Character,
    /// A value whose quote is not closed.
    Unterminated,
    /// No name before `=`.
    Nameless,
    /// A mistake in `${...}`.
    Template,
    /// `${NAME:?}`.
    Required(String),
    /// Variables that produce too much.
    TooLarge,
}

impl EnvErrorKind {
    pub(crate) fn is_missing_variable(&self) -> bool {
        matches!(self, Self::Required(_))
    }
}

impl fmt::Display for EnvErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Space => "a name has a space in it",
            Self::Character => "a name has a character that names cannot have",
            Self::Unterminated => "a quoted value has no end",
            Self::Nameless => "a line has no name",
            Self::Template => "a variable is written wrong",
            Self::Required(name) => return write!(f, "required variable `{name}` is missing a value"),
            Self::TooLarge => "variables make a value too large",
        })
    }
}

/// Adds the variables of an env file to `into`; a later line wins over an earlier one. Values of `${...}` come from
/// `outer`, then from `into`. Names without a value take that of `outer`, else are left out. Unset variables are added to
/// `unset` with the offset of the line that asks for them.
pub(crate) fn parse(
    text: &str,
    outer: &dyn Fn(&str) -> Option<String>,
    into: &mut StringMap,
    unset: &mut Vec<(String, usize)>,
) -> Result<(), EnvError> {
    let mut reader = Reader { text, at: 0 };
    while reader.skip_to_statement() {
        let start = reader.at;
        match reader.name()? {
            Name::Alone(name) => {
                if let Some(value) = outer(name) {
                    into.insert(name.to_owned(), value);
                }
            }
            Name::WithValue(name) => {
                let (value, interpolate) = reader.value()?;
                let value = if interpolate {
                    let mut variables = FileVariables { outer, known: into, found: None, unset: Vec::new() };
                    let value = template::substitute(&value, &mut variables).map_err(|error| EnvError {
                        at: start,
                        kind: match error.kind {
                            TemplateErrorKind::Required { name, .. } => EnvErrorKind::Required(name),
                            TemplateErrorKind::Invalid => EnvErrorKind::Template,
                            TemplateErrorKind::TooDeep | TemplateErrorKind::TooLarge => EnvErrorKind::TooLarge,
                        },
                    })?;
                    unset.extend(variables.unset.into_iter().map(|name| (name, start)));
                    value.into_owned()
                } else {
                    value.into_owned()
                };
                into.insert(name.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// The names that an env file gives a value, in order, with the offset of each; up to its first mistake.
pub(crate) fn names(text: &str) -> Vec<(&str, usize)> {
    let mut found = Vec::new();
    let mut reader = Reader { text, at: 0 };
    while reader.skip_to_statement() {
        let start = reader.at;
        match reader.name() {
            Ok(Name::Alone(_)) => {}
            Ok(Name::WithValue(name)) if reader.value().is_ok() => found.push((name, start)),
            Ok(Name::WithValue(_)) | Err(_) => break,
        }
    }
    found
}

enum Name<'t> {
    /// `NAME`, to be taken over from outside.
    Alone(&'t str),
    /// `NAME=` or `NAME:`; the value follows.
    WithValue(&'t str),
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, matches: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(matches).len();
    }

    /// Goes over white space and comments; false at the end.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            self.skip(char::is_whitespace);
            if !self.rest().starts_with('#') {
                return !self.rest().is_empty();
            }
            self.skip(|character| character != '\n');
        }
    }

    fn name(&mut self) -> Result<Name<'t>, EnvError> {
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(char::is_whitespace)
        {
            self.at += "export".len();
            self.skip(is_space);
        }
        let rest = self.rest();
        let error = |at: usize, kind| Err(EnvError { at: self.at + at, kind });
        let mut end = rest.len();
        let mut separator = None;
        for (at, character) in rest.char_indices() {
            match character {
                '=' | ':' | '\n' => {
                    (end, separator) = (at, Some(character));
                    break;
                }
                '_' | '.' | '-' | '[' | ']' => {}
                character if is_space(character) || character.is_alphanumeric() => {}
                _ => return error(at, EnvErrorKind::Character),
            }
        }
        let name = rest.get(..end).unwrap_or_default().trim_end();
        if let Some(space) = name.find(' ') {
            return error(space, EnvErrorKind::Space);
        }
        self.at += end + usize::from(separator.is_some());
        if matches!(separator, Some('=' | ':')) {
            self.skip(is_space);
            return Ok(Name::WithValue(name));
        }
        Ok(Name::Alone(name))
    }

    /// A value, and whether variables are put in.
    fn value(&mut self) -> Result<(Cow<'t, str>, bool), EnvError> {
        let rest = self.rest();
        let Some(quote @ ('"' | '\'')) = rest.chars().next() else {
            let line = rest.split('\n').next().unwrap_or_default();
            self.at += line.len();
            let value = line.split_once(" #").map_or(line, |(value, _)| value);
            return Ok((Cow::Borrowed(value.trim_end()), true));
        };
        let mut value = String::new();
        let mut characters = rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            if character == quote {
                self.at += at + 1;
                if quote == '\'' {
                    return Ok((Cow::Owned(value), false));
                }
                return Ok((Cow::Owned(unescape(&value)), true));
            }
            if character == '\\'
                && let Some((_, escaped)) = characters.next()
            {
                if escaped != quote {
                    value.push('\\');
                }
                value.push(escaped);
                continue;
            }
            value.push(character);
        }
        Err(EnvError { at: self.at, kind: EnvErrorKind::Unterminated })
    }
}

/// White space that does not end a line.
fn is_space(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// The escapes of double quotes; `\$` becomes `$$`, which is a dollar sign once variables are put in.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let after = rest.get(at + 1..).unwrap_or_default();
        let (replacement, length) = escape(after).unwrap_or(("\\".into(), 0));
        out.push_str(&replacement);
        rest = after.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// What the escape after a backslash stands for, and how many bytes it takes.
fn escape(after: &str) -> Option<(Cow<'static, str>, usize)> {
    let simple = match after.chars().next()? {
        'a' => "\u{7}",
        'b' => "\u{8}",
        'f' => "\u{c}",
        'n' => "\n",
        'r' => "\r",
        't' => "\t",
        'v' => "\u{b}",
        '"' => "\"",
        '\\' => "\\",
        '$' => "$$",
        '0' => {
            let digits = after.bytes().skip(1).take(3).take_while(u8::is_ascii_digit).count();
            let code = after.get(1..=digits).filter(|_| digits == 3)?;
            let character = char::from(u8::from_str_radix(code, 8).ok()?);
            return Some((Cow::Owned(character.to_string()), 4));
        }
        _ => return None,
    };
    Some((Cow::Borrowed(simple), 1))
}

/// The variables that a file's values may use.
struct FileVariables<'a> {
    outer: &'a dyn Fn(&str) -> Option<String>,
    known: &'a StringMap,
    found: Option<String>,
    unset: Vec<String>,
}

impl Variables for FileVariables<'_> {
    fn get(&mut self, name: &str) -> Option<&str> {
        self.found = (self.outer)(name);
        self.found.as_deref().or_else(|| self.known.get(name).map(String::as_str))
    }

    fn unset(&mut self, name: &str, _: Range<usize>) {
        self.unset.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests;
