//! From a template's text to a tree.

use std::collections::{BTreeMap, VecDeque};

use super::Mistake;

/// A template, and those that it defines.
#[derive(Debug, Default)]
pub(super) struct Template {
    pub(super) nodes: Vec<Node>,
    pub(super) named: BTreeMap<String, Vec<Node>>,
}

/// A piece of a template.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Text(String),
    Print(Pipeline),
    /// `$x := …`.
    Declare(String, Pipeline),
    /// `$x = …`.
    Assign(String, Pipeline),
    If(Branches),
    With(Branches),
    Range {
        key: Option<String>,
        value: Option<String>,
        over: Pipeline,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    /// Another template, with what `.` is in it.
    Template(String, Option<Pipeline>),
    Break,
    Continue,
}

#[derive(Debug)]
pub(super) struct Branches {
    /// A variable that the condition sets.
    pub(super) name: Option<String>,
    pub(super) condition: Pipeline,
    pub(super) then: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

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

/// Blocks and parentheses inside each other, at most.
const DEEPEST: usize = 32;

pub(super) fn parse(template: &str) -> Result<Template, Mistake> {
    let mut parser = Parser { pieces: pieces(template)?, named: BTreeMap::new(), line: 1, loops: 0 };
    let (nodes, end) = parser.block(0)?;
    match end {
        None => Ok(Template { nodes, named: parser.named }),
        Some(end) => Err(parser.mistake(format!("`{{{{ {end} }}}}` ends nothing"))),
    }
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Action(String),
}

/// Splits texts from actions, each with its line; dashes at the braces take the white space beside them away.
fn pieces(template: &str) -> Result<VecDeque<(usize, Piece)>, Mistake> {
    let mut pieces = VecDeque::new();
    let mut rest = template;
    let (mut line, mut trim) = (1, false);
    let lines = |text: &str| text.matches('\n').count();
    while let Some((before, after)) = rest.split_once("{{") {
        let begins = line + lines(before);
        let end = action_end(after).ok_or_else(|| Mistake { line: begins, reason: "`{{` without `}}`".to_owned() })?;
        let (action, tail) = after.split_at(end);
        let spaced = |rest: &str| rest.starts_with(char::is_whitespace);
        let (left, inner) = match action.strip_prefix('-') {
            Some(inner) if spaced(inner) => (true, inner),
            _ => (false, action),
        };
        let (right, inner) = match inner.strip_suffix('-') {
            Some(inner) if inner.ends_with(char::is_whitespace) => (true, inner),
            _ => (false, inner),
        };
        let mut text = if trim { before.trim_start() } else { before };
        if left {
            text = text.trim_end();
        }
        pieces.push_back((line, Piece::Text(text.to_owned())));
        if !inner.trim_start().starts_with("/*") {
            pieces.push_back((begins, Piece::Action(inner.trim().to_owned())));
        }
        line = begins + lines(action);
        trim = right;
        rest = tail.get(2..).unwrap_or_default();
    }
    pieces.push_back((line, Piece::Text(if trim { rest.trim_start() } else { rest }.to_owned())));
    Ok(pieces)
}

/// Where the `}}` of an action is; those in quotes and comments do not count.
fn action_end(action: &str) -> Option<usize> {
    let inner = action.trim_start_matches('-').trim_start();
    if inner.starts_with("/*") {
        let comment = action.find("*/")? + 2;
        return Some(comment + action.get(comment..)?.find("}}")?);
    }
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in action.char_indices() {
        match quote {
            None if c == '}' && action.get(at..)?.starts_with("}}") => return Some(at),
            None if matches!(c, '"' | '`' | '\'') => quote = Some(c),
            None => {}
            Some(_) if escaped => escaped = false,
            Some('"' | '\'') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
        }
    }
    None
}

struct Parser {
    pieces: VecDeque<(usize, Piece)>,
    named: BTreeMap<String, Vec<Node>>,
    /// Of the last piece.
    line: usize,
    /// How many a `break` could end.
    loops: usize,
}

impl Parser {
    fn mistake(&self, reason: impl Into<String>) -> Mistake {
        Mistake { line: self.line, reason: reason.into() }
    }

    fn pipeline(&self, text: &str) -> Result<Pipeline, Mistake> {
        pipeline(text).map_err(|reason| self.mistake(reason))
    }

    /// Everything up to the action that ends the block, with that action.
    fn block(&mut self, depth: usize) -> Result<(Vec<Node>, Option<String>), Mistake> {
        if depth > DEEPEST {
            return Err(self.mistake("nested too deeply"));
        }
        let mut nodes = Vec::new();
        while let Some((line, piece)) = self.pieces.pop_front() {
            self.line = line;
            let action = match piece {
                Piece::Text(text) => {
                    nodes.push(Node { line, kind: Kind::Text(text) });
                    continue;
                }
                Piece::Action(action) => action,
            };
            let (word, tail) = keyword(&action);
            let kind = match word {
                "end" if !tail.is_empty() => return Err(self.mistake("nothing is expected after `end`")),
                "end" | "else" => return Ok((nodes, Some(action))),
                "if" | "with" | "range" => self.control(word, tail, depth)?,
                "define" => {
                    let (name, _) = self.name(tail)?;
                    let body = self.until_end(word, depth)?;
                    self.named.insert(name, body);
                    continue;
                }
                "template" => {
                    let (name, value) = self.name(tail)?;
                    Kind::Template(name, if value.is_empty() { None } else { Some(self.pipeline(value)?) })
                }
                "block" => {
                    let (name, value) = self.name(tail)?;
                    let value = self.pipeline(value)?;
                    let body = self.until_end(word, depth)?;
                    self.named.entry(name.clone()).or_insert(body);
                    Kind::Template(name, Some(value))
                }
                "break" | "continue" if self.loops == 0 => {
                    return Err(self.mistake(format!("`{word}` outside of `range`")));
                }
                "break" if tail.is_empty() => Kind::Break,
                "continue" if tail.is_empty() => Kind::Continue,
                _ => match assignment(&action) {
                    Some((name, true, value)) => Kind::Declare(name.to_owned(), self.pipeline(value)?),
                    Some((name, false, value)) => Kind::Assign(name.to_owned(), self.pipeline(value)?),
                    None => Kind::Print(self.pipeline(&action)?),
                },
            };
            nodes.push(Node { line, kind });
        }
        Ok((nodes, None))
    }

    /// A quoted name, and what follows.
    fn name<'a>(&self, text: &'a str) -> Result<(String, &'a str), Mistake> {
        let mut words = Words { rest: text, depth: 0 };
        match text.chars().next().map(|first| words.operand(first)) {
            Some(Ok(Operand::Text(name))) => Ok((name, words.rest.trim())),
            _ => Err(self.mistake("the name of a template is expected, in quotes")),
        }
    }

    fn until_end(&mut self, word: &str, depth: usize) -> Result<Vec<Node>, Mistake> {
        let (nodes, end) = self.block(depth + 1)?;
        if end.as_deref() == Some("end") { Ok(nodes) } else { Err(self.mistake(format!("`{word}` without `end`"))) }
    }

    fn control(&mut self, word: &str, head: &str, depth: usize) -> Result<Kind, Mistake> {
        // Named before what is inside, where something else may be wrong too.
        let condition = match assignment(head) {
            Some((name, true, value)) if word != "range" => (Some(name.to_owned()), self.pipeline(value)?),
            Some((_, false, _)) if word != "range" => {
                return Err(self.mistake(format!("`{word}` with `=` is not supported: write `:=`")));
            }
            _ if word == "range" => (None, Vec::new()),
            _ => (None, self.pipeline(head)?),
        };
        let range = if word == "range" { Some(self.range(head)?) } else { None };
        let line = self.line;
        self.loops += usize::from(range.is_some());
        let (body, end) = self.block(depth + 1)?;
        self.loops -= usize::from(range.is_some());
        let end = end.ok_or_else(|| Mistake { line, reason: format!("`{word}` without `end`") })?;
        let otherwise = match end.strip_prefix("else").map(str::trim) {
            None => Vec::new(),
            Some("") => self.until_end(word, depth)?,
            Some(again) => {
                let (word, tail) = keyword(again);
                if !matches!(word, "if" | "with") {
                    return Err(self.mistake(format!("`else {word}` makes no sense")));
                }
                let line = self.line;
                vec![Node { line, kind: self.control(word, tail, depth + 1)? }]
            }
        };
        if let Some((key, value, over)) = range {
            return Ok(Kind::Range { key, value, over, body, otherwise });
        }
        let (name, condition) = condition;
        let branches = Branches { name, condition, then: body, otherwise };
        Ok(if word == "if" { Kind::If(branches) } else { Kind::With(branches) })
    }

    /// The variables of a `range`, and what it goes over.
    fn range(&self, head: &str) -> Result<(Option<String>, Option<String>, Pipeline), Mistake> {
        let (names, over) = head.split_once(":=").filter(|_| head.starts_with('$')).unwrap_or(("", head));
        let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let over = self.pipeline(over)?;
        let named = |name: &str| Some(name.to_owned());
        match *names.as_slice() {
            [] => Ok((None, None, over)),
            [value] => Ok((None, named(value), over)),
            [key, value] => Ok((named(key), named(value), over)),
            _ => Err(self.mistake("`range` sets at most two variables")),
        }
    }
}

/// The word that an action begins with, and what follows.
fn keyword(action: &str) -> (&str, &str) {
    let end = action.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(action.len());
    let (word, tail) = action.split_at(end);
    (word, tail.trim())
}

/// `$x := …`, or without its colon; whether it has one.
fn assignment(action: &str) -> Option<(&str, bool, &str)> {
    let (name, value) = action.split_once('=')?;
    let declares = name.ends_with(':');
    let name = name.trim_end_matches(':').trim();
    (name.starts_with('$') && !name.contains(char::is_whitespace)).then(|| (name, declares, value.trim()))
}

fn pipeline(text: &str) -> Result<Pipeline, String> {
    let mut words = Words { rest: text, depth: 0 };
    let parsed = words.pipeline()?;
    if words.rest.trim().is_empty() { Ok(parsed) } else { Err(format!("nothing is expected before `{}`", words.rest)) }
}

struct Words<'a> {
    rest: &'a str,
    depth: usize,
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
        if calls.iter().any(Vec::is_empty) { Err("an empty action".to_owned()) } else { Ok(calls) }
    }

    fn operand(&mut self, first: char) -> Result<Operand, String> {
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
    let (sign, rest) = digits.strip_prefix('-').map_or((1, digits.as_str()), |rest| (-1, rest));
    let based = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(prefix, base)| {
        i64::from_str_radix(rest.strip_prefix(prefix)?, base).ok().map(|number| sign * number)
    });
    // A zero before other digits makes them octal.
    let octal = rest.len() > 1 && rest.starts_with('0') && rest.bytes().all(|byte| byte.is_ascii_digit());
    let plain = if octal { i64::from_str_radix(rest, 8).ok().map(|number| sign * number) } else { digits.parse().ok() };
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
    let code: String = characters.take(digits).collect();
    char::from_u32(u32::from_str_radix(&code, 16).ok()?)
}

fn path(text: &str) -> Vec<String> {
    text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
