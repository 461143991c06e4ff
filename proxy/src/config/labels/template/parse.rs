//! From a template's text to a tree.

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Print(Pipeline),
    Set(String, Pipeline),
    If { condition: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    With { value: Pipeline, then: Vec<Node>, otherwise: Vec<Node> },
    Range { key: Option<String>, value: Option<String>, over: Pipeline, body: Vec<Node>, otherwise: Vec<Node> },
}

/// Calls, each of which gets the result of the one before as its last argument.
pub(super) type Pipeline = Vec<Vec<Operand>>;

/// A function's name or an argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Text(String),
    Number(i64),
    Flag(bool),
    /// `.`, `.Name`, `.Labels.key`.
    Field(Vec<String>),
    /// `$x`, `$x.key`.
    Variable(String, Vec<String>),
    Name(String),
    Nested(Pipeline),
}

/// Blocks and parentheses inside each other, at most.
const DEEPEST: usize = 32;

pub(super) fn parse(template: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser { pieces: pieces(template)?, at: 0 };
    let (nodes, end) = parser.block(0)?;
    match end {
        None => Ok(nodes),
        Some(end) => Err(format!("`{{{{ {end} }}}}` ends nothing")),
    }
}

enum Piece {
    Text(String),
    Action(String),
}

/// Splits texts from actions; dashes at the braces take the white space beside them away.
fn pieces(template: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut trim = false;
    while let Some((before, after)) = rest.split_once("{{") {
        let end = action_end(after).ok_or("`{{` without `}}`")?;
        let (action, tail) = after.split_at(end);
        let tail = tail.get(2..).unwrap_or_default();
        let (left, action) = match action.strip_prefix("- ") {
            Some(action) => (true, action),
            None => (false, action),
        };
        let mut text = if trim { before.trim_start() } else { before };
        if left {
            text = text.trim_end();
        }
        pieces.push(Piece::Text(text.to_owned()));
        let (right, action) = match action.strip_suffix(" -") {
            Some(action) => (true, action),
            None => (false, action),
        };
        if !action.trim_start().starts_with("/*") {
            pieces.push(Piece::Action(action.trim().to_owned()));
        }
        trim = right;
        rest = tail;
    }
    pieces.push(Piece::Text(if trim { rest.trim_start() } else { rest }.to_owned()));
    Ok(pieces)
}

/// Where the `}}` of an action is; those in quotes do not count.
fn action_end(action: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in action.char_indices() {
        match quote {
            None if c == '}' && action.get(at..at + 2) == Some("}}") => return Some(at),
            None if matches!(c, '"' | '`') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

struct Parser {
    pieces: Vec<Piece>,
    at: usize,
}

impl Parser {
    /// Everything up to the action that ends the block, with that action.
    fn block(&mut self, depth: usize) -> Result<(Vec<Node>, Option<String>), String> {
        if depth > DEEPEST {
            return Err("nested too deeply".to_owned());
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.at) {
            self.at += 1;
            let action = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.clone()));
                    continue;
                }
                Piece::Action(action) => action.clone(),
            };
            let (word, tail) = action.split_once(char::is_whitespace).unwrap_or((&action, ""));
            match word {
                "end" | "else" => return Ok((nodes, Some(action))),
                "if" | "with" | "range" => nodes.push(self.control(word, tail.trim(), depth)?),
                "template" | "block" | "define" | "break" | "continue" => {
                    return Err(format!("`{word}` is not supported"));
                }
                _ => nodes.push(match assignment(&action) {
                    Some((name, value)) => Node::Set(name.to_owned(), pipeline(value)?),
                    None => Node::Print(pipeline(&action)?),
                }),
            }
        }
        Ok((nodes, None))
    }

    fn control(&mut self, word: &str, head: &str, depth: usize) -> Result<Node, String> {
        let (body, end) = self.block(depth + 1)?;
        let end = end.ok_or_else(|| format!("`{word}` without `end`"))?;
        let otherwise = match end.strip_prefix("else").map(str::trim) {
            None => Vec::new(),
            Some("") => {
                let (nodes, end) = self.block(depth + 1)?;
                if end.as_deref() != Some("end") {
                    return Err(format!("`{word}` without `end`"));
                }
                nodes
            }
            Some(again) => {
                let (word, tail) = again.split_once(char::is_whitespace).unwrap_or((again, ""));
                if !matches!(word, "if" | "with") {
                    return Err(format!("`else {word}` is not supported"));
                }
                vec![self.control(word, tail.trim(), depth + 1)?]
            }
        };
        Ok(match word {
            "if" => Node::If { condition: pipeline(head)?, then: body, otherwise },
            "with" => Node::With { value: pipeline(head)?, then: body, otherwise },
            _ => {
                let (names, over) = head.split_once(":=").map_or(("", head), |(names, over)| (names, over));
                let names: Vec<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
                let (key, value) = match names.as_slice() {
                    [] => (None, None),
                    [value] => (None, Some((*value).to_owned())),
                    [key, value] => (Some((*key).to_owned()), Some((*value).to_owned())),
                    _ => return Err("`range` sets at most two variables".to_owned()),
                };
                Node::Range { key, value, over: pipeline(over)?, body, otherwise }
            }
        })
    }
}

/// `$x := …` or `$x = …`.
fn assignment(action: &str) -> Option<(&str, &str)> {
    let (name, value) = action.split_once(":=").or_else(|| action.split_once(" = "))?;
    let name = name.trim();
    (name.starts_with('$') && !name.contains(char::is_whitespace)).then(|| (name, value.trim()))
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
        if matches!(first, '"' | '`') {
            let inner = self.rest.get(1..).unwrap_or_default();
            let (text, rest) = inner.split_once(first).ok_or("a text without end")?;
            self.rest = rest;
            return Ok(Operand::Text(text.to_owned()));
        }
        if first == '(' {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("nested too deeply".to_owned());
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
            let nested = self.pipeline()?;
            self.rest = self.rest.strip_prefix(')').ok_or("`(` without `)`")?;
            self.depth -= 1;
            return Ok(Operand::Nested(nested));
        }
        let end = self.rest.find(|c: char| c.is_whitespace() || "|()".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let path = |text: &str| text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Ok(match word {
            "true" | "false" => Operand::Flag(word == "true"),
            _ if word.starts_with('.') => Operand::Field(path(word)),
            _ if word.starts_with('$') => {
                let (name, fields) = word.split_once('.').unwrap_or((word, ""));
                Operand::Variable(name.to_owned(), path(fields))
            }
            _ => match word.parse() {
                Ok(number) => Operand::Number(number),
                Err(_) => Operand::Name(word.to_owned()),
            },
        })
    }
}
