//! From a template's text to a tree.

use std::collections::{BTreeMap, VecDeque};

use super::words::{Operand, Pipeline, Words, pipeline};
use super::{Mistake, Place};

/// A template, and those that it defines.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) named: BTreeMap<String, Vec<Node>>,
    /// Functions that it calls, and where.
    pub(super) calls: Vec<(String, Place)>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
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

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branches {
    /// A variable that the condition sets.
    pub(super) name: Option<String>,
    pub(super) condition: Pipeline,
    pub(super) then: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Blocks and parentheses inside each other, at most.
pub(super) const DEEPEST: usize = 32;

pub(super) fn parse(template: &str) -> Result<Tree, Mistake> {
    let place = Place { line: 1, column: 1 };
    let mut parser = Parser { pieces: pieces(template)?, named: BTreeMap::new(), calls: Vec::new(), place, loops: 0 };
    let (nodes, end) = parser.block(0)?;
    match end {
        None => Ok(Tree { nodes, named: parser.named, calls: parser.calls }),
        Some(end) => Err(parser.mistake(format!("`{{{{ {end} }}}}` ends nothing"))),
    }
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Action(String),
}

/// The place behind a text that begins at a place.
fn behind(place: Place, text: &str) -> Place {
    match text.rsplit_once('\n') {
        None => Place { column: place.column + text.chars().count(), ..place },
        Some((_, last)) => Place { line: place.line + text.matches('\n').count(), column: last.chars().count() + 1 },
    }
}

/// Splits texts from actions, each with its place; dashes at the braces take the white space beside them away.
fn pieces(template: &str) -> Result<VecDeque<(Place, Piece)>, Mistake> {
    let mut pieces = VecDeque::new();
    let mut rest = template;
    let (mut place, mut trim) = (Place { line: 1, column: 1 }, false);
    while let Some((before, after)) = rest.split_once("{{") {
        let begins = behind(place, before);
        let end = action_end(after).ok_or_else(|| Mistake { place: begins, reason: "`{{` without `}}`".to_owned() })?;
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
        pieces.push_back((place, Piece::Text(text.to_owned())));
        if !inner.trim_start().starts_with("/*") {
            pieces.push_back((begins, Piece::Action(inner.trim().to_owned())));
        }
        place = behind(behind(behind(begins, "{{"), action), "}}");
        trim = right;
        rest = tail.get(2..).unwrap_or_default();
    }
    pieces.push_back((place, Piece::Text(if trim { rest.trim_start() } else { rest }.to_owned())));
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
    pieces: VecDeque<(Place, Piece)>,
    named: BTreeMap<String, Vec<Node>>,
    calls: Vec<(String, Place)>,
    /// Of the last piece.
    place: Place,
    /// How many a `break` could end.
    loops: usize,
}

impl Parser {
    fn mistake(&self, reason: impl Into<String>) -> Mistake {
        Mistake { place: self.place, reason: reason.into() }
    }

    fn pipeline(&mut self, text: &str) -> Result<Pipeline, Mistake> {
        let parsed = pipeline(text).map_err(|reason| self.mistake(reason))?;
        self.note(&parsed);
        Ok(parsed)
    }

    /// Notes the functions that are called.
    fn note(&mut self, pipeline: &Pipeline) {
        for operand in pipeline.iter().flatten() {
            match operand {
                Operand::Name(name) => self.calls.push((name.clone(), self.place)),
                Operand::Nested(inner, _) => self.note(inner),
                _ => {}
            }
        }
    }

    /// Everything up to the action that ends the block, with that action.
    fn block(&mut self, depth: usize) -> Result<(Vec<Node>, Option<String>), Mistake> {
        if depth > DEEPEST {
            return Err(self.mistake("nested too deeply"));
        }
        let mut nodes = Vec::new();
        while let Some((place, piece)) = self.pieces.pop_front() {
            self.place = place;
            let action = match piece {
                Piece::Text(text) => {
                    nodes.push(Node { place, kind: Kind::Text(text) });
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
            nodes.push(Node { place, kind });
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
        let place = self.place;
        self.loops += usize::from(range.is_some());
        let (body, end) = self.block(depth + 1)?;
        self.loops -= usize::from(range.is_some());
        let end = end.ok_or_else(|| Mistake { place, reason: format!("`{word}` without `end`") })?;
        let otherwise = match end.strip_prefix("else").map(str::trim) {
            None => Vec::new(),
            Some("") => self.until_end(word, depth)?,
            Some(again) => {
                let (word, tail) = keyword(again);
                if !matches!(word, "if" | "with") {
                    return Err(self.mistake(format!("`else {word}` is invalid: `if` or `with` may follow `else`")));
                }
                let place = self.place;
                vec![Node { place, kind: self.control(word, tail, depth + 1)? }]
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
    fn range(&mut self, head: &str) -> Result<(Option<String>, Option<String>, Pipeline), Mistake> {
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
