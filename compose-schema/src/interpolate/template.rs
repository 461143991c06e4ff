//! `$NAME` and `${NAME...}` in texts.

use std::borrow::Cow;
use std::ops::Range;

/// Bytes that one text may grow by.
const MAX_GROWTH: usize = 1 << 20;
/// `${...}` inside the default of another, and so on.
const MAX_DEPTH: usize = 100;

/// Where values come from, and who hears of missing ones.
pub(crate) trait Variables {
    /// The value of a variable.
    fn get(&mut self, name: &str) -> Option<&str>;
    /// A variable without a value and without a default became empty.
    fn unset(&mut self, name: &str, at: Range<usize>);
}

/// What is wrong with a text, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateError {
    pub(crate) at: Range<usize>,
    pub(crate) kind: TemplateErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateErrorKind {
    /// Not `$NAME`, `${NAME}` or `${NAME` with an operator.
    Invalid,
    /// `${NAME:?message}`.
    Required { name: String, message: String },
    /// Nested too deep.
    TooDeep,
    /// The result is too large.
    TooLarge,
}

/// What follows the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Default,
    Alternative,
    Required,
}

/// One thing that starts with `$`.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    /// A dollar sign that stands for itself.
    Dollar,
    /// A variable: name, operator with "empty counts as unset", and where the operator's word is.
    Variable { name: &'t str, operator: Option<(Operator, bool, Range<usize>)> },
}

/// A text with its variables put in; the text itself where it has none.
///
/// An unused default is evaluated too, as Docker Compose does: a mistake in it is one, though what it
/// leaves unset is not told.
pub(crate) fn substitute<'t>(text: &'t str, variables: &mut dyn Variables) -> Result<Cow<'t, str>, TemplateError> {
    if !text.contains('$') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    Substitution { text, most: text.len() + MAX_GROWTH }.range(0..text.len(), variables, &mut out, 0, true)?;
    Ok(Cow::Owned(out))
}

#[derive(Clone, Copy)]
struct Substitution<'t> {
    text: &'t str,
    most: usize,
}

impl<'t> Substitution<'t> {
    /// Puts the variables of a part of the text in and adds it to `out`. Unset ones are told where `tell`.
    fn range(
        self,
        range: Range<usize>,
        variables: &mut dyn Variables,
        out: &mut String,
        depth: usize,
        tell: bool,
    ) -> Result<(), TemplateError> {
        let error = |at: Range<usize>, kind| Err(TemplateError { at, kind });
        if depth > MAX_DEPTH {
            return error(range, TemplateErrorKind::TooDeep);
        }
        let mut at = range.start;
        while let Some(rest) = self.text.get(at..range.end).filter(|rest| !rest.is_empty()) {
            let Some(dollar) = rest.find('$') else {
                out.push_str(rest);
                break;
            };
            out.push_str(rest.get(..dollar).unwrap_or_default());
            let start = at + dollar;
            let Some((piece, end)) = self.piece(start, range.end) else {
                return error(start..self.invalid_end(start, range.end), TemplateErrorKind::Invalid);
            };
            at = end;
            match piece {
                Piece::Dollar => out.push('$'),
                Piece::Variable { name, operator: None } => match variables.get(name) {
                    Some(value) => out.push_str(value),
                    None if tell => variables.unset(name, start..end),
                    None => {}
                },
                Piece::Variable { name, operator: Some((operator, empty_is_unset, word)) } => {
                    let value = variables.get(name).map(str::to_owned);
                    let set = value.as_deref().is_some_and(|value| !(empty_is_unset && value.is_empty()));
                    let used = if operator == Operator::Alternative { set } else { !set };
                    let mut other = String::new();
                    self.range(word, variables, &mut other, depth + 1, tell && used)?;
                    match operator {
                        _ if !used => out.push_str(value.as_deref().unwrap_or_default()),
                        Operator::Required => {
                            let kind = TemplateErrorKind::Required { name: name.to_owned(), message: other };
                            return error(start..end, kind);
                        }
                        Operator::Default | Operator::Alternative => out.push_str(&other),
                    }
                }
            }
            if out.len() > self.most {
                return error(start..end, TemplateErrorKind::TooLarge);
            }
        }
        Ok(())
    }

    /// What starts with the dollar sign at `start`, and where it ends.
    fn piece(self, start: usize, limit: usize) -> Option<(Piece<'t>, usize)> {
        let after = self.text.get(start + 1..limit)?;
        if after.starts_with('$') {
            return Some((Piece::Dollar, start + 2));
        }
        let Some(braced) = after.strip_prefix('{') else {
            let name = name(after);
            if name.is_empty() {
                return Some((Piece::Dollar, start + 1));
            }
            return Some((Piece::Variable { name, operator: None }, start + 1 + name.len()));
        };
        let name = name(braced);
        if name.is_empty() {
            return None;
        }
        let rest = braced.get(name.len()..)?;
        let after_name = start + 2 + name.len();
        if rest.starts_with('}') {
            return Some((Piece::Variable { name, operator: None }, after_name + 1));
        }
        let (empty_is_unset, symbol) = match rest.strip_prefix(':') {
            Some(rest) => (true, rest.chars().next()?),
            None => (false, rest.chars().next()?),
        };
        let operator = match symbol {
            '-' => Operator::Default,
            '+' => Operator::Alternative,
            '?' => Operator::Required,
            _ => return None,
        };
        let word = after_name + 1 + usize::from(empty_is_unset);
        let end = word + closing_brace(self.text.get(word..limit)?)?;
        Some((Piece::Variable { name, operator: Some((operator, empty_is_unset, word..end)) }, end + 1))
    }

    /// The end of something invalid, for the mark: its closing brace, else its line.
    fn invalid_end(self, start: usize, limit: usize) -> usize {
        let rest = self.text.get(start..limit).unwrap_or_default();
        let line = rest.lines().next().unwrap_or(rest);
        start + line.find('}').map_or(line.len(), |at| at + 1)
    }
}

/// Letters, digits and `_`, no digit first.
fn name(text: &str) -> &str {
    let end = text
        .bytes()
        .enumerate()
        .find(|&(at, byte)| !(byte == b'_' || byte.is_ascii_alphabetic() || (at > 0 && byte.is_ascii_digit())))
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// Where the brace that was opened before `text` is closed, on the same line. Docker Compose takes every `{` for one that
/// has to be closed, but passes over what follows it; where too few are closed, the last `}` ends the variable.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1usize;
    let mut last = None;
    let mut passed_over = false;
    for (at, byte) in text.bytes().enumerate().take_while(|(_, byte)| *byte != b'\n') {
        if byte == b'}' {
            last = Some(at);
        }
        match byte {
            _ if passed_over => passed_over = false,
            b'{' => (open, passed_over) = (open + 1, true),
            b'}' => {
                open -= 1;
                if open == 0 {
                    break;
                }
            }
            _ => {}
        }
    }
    last
}

/// A variable as a text asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Whether it is written with `?`.
    pub required: bool,
    /// What stands behind `-`.
    pub default: String,
    /// What stands behind `+`.
    pub alternative: String,
}

impl Variable {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), required: false, default: String::new(), alternative: String::new() }
    }
}

/// The variables of a text in the order in which Docker Compose finds them, of which the last of a name counts: those on
/// the line behind one with an operator come before it, those inside its word after it. What is none has no name.
#[must_use]
pub(crate) fn variables(text: &str) -> Vec<Variable> {
    let mut found = Vec::new();
    collect(text, &mut found, 0);
    found
}

fn collect(text: &str, found: &mut Vec<Variable>, depth: usize) {
    let whole = Substitution { text, most: 0 };
    // Those with an operator, and what is inside, until the last closing brace of their line.
    let (mut waiting, mut last_brace) = (Vec::new(), 0);
    let mut at = 0;
    while let Some(dollar) = text.get(at..).and_then(|rest| rest.find('$')) {
        let start = at + dollar;
        if start > last_brace {
            release(&mut waiting, found, depth);
        }
        let Some((piece, end)) = whole.piece(start, text.len()) else {
            at = start + "${".len();
            found.push(Variable::named(""));
            continue;
        };
        at = end;
        let Piece::Variable { name, operator } = piece else { continue };
        let mut variable = Variable::named(name);
        let Some((operator, _, word)) = operator else {
            found.push(variable);
            continue;
        };
        let word = text.get(word).unwrap_or_default();
        let inside = match operator {
            Operator::Default => {
                word.clone_into(&mut variable.default);
                word
            }
            Operator::Alternative => {
                word.clone_into(&mut variable.alternative);
                word
            }
            Operator::Required => {
                variable.required = true;
                // Docker Compose does not look into messages.
                ""
            }
        };
        if waiting.is_empty() {
            let line = text.get(start..).and_then(|rest| rest.split('\n').next()).unwrap_or_default();
            last_brace = start + line.rfind('}').unwrap_or_default();
        }
        waiting.push((variable, inside));
    }
    release(&mut waiting, found, depth);
}

/// Adds what waits, the last first, each with what is inside its word.
fn release(waiting: &mut Vec<(Variable, &str)>, found: &mut Vec<Variable>, depth: usize) {
    while let Some((variable, inside)) = waiting.pop() {
        found.push(variable);
        if depth < MAX_DEPTH {
            collect(inside, found, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests;
