//! A tree of matchers of any kind, and its construction from text.

use crate::template::quoted;

use super::RuleError;
use super::lexer::Mistake;
use super::parser::{self, Call, Tree};

/// Matchers joined by and, or, not.
#[derive(Clone, Debug)]
pub(super) enum Expression<M> {
    All(Vec<Self>),
    Any(Vec<Self>),
    /// `text` is the matcher as people write it.
    Leaf {
        matcher: M,
        negated: bool,
        text: Box<str>,
    },
}

/// Gives the documented name of a matcher for a name as written.
type Canonical<'a> = &'a dyn Fn(&str) -> Option<&'static str>;

/// Makes a matcher of its documented name and its arguments.
type Build<'a, M> = &'a dyn Fn(&str, &[Vec<u8>]) -> Result<M, String>;

/// Parses a rule whose matchers are named by `canonical` and made by `build`.
pub(super) fn parse<M>(rule: &str, canonical: Canonical<'_>, build: Build<'_, M>) -> Result<Expression<M>, RuleError> {
    parse_with(rule, canonical, build, false)
}

/// The same, where `empty` says whether arguments may be empty.
pub(super) fn parse_with<M>(
    rule: &str,
    canonical: Canonical<'_>,
    build: Build<'_, M>,
    empty: bool,
) -> Result<Expression<M>, RuleError> {
    let tree =
        parser::parse(rule, &|name| canonical(name).is_some()).map_err(|mistake| syntax_error(rule, &mistake))?;
    convert(&tree, canonical, build, empty).map_err(|mistake| RuleError {
        offset: mistake.offset,
        message: format!("error while parsing rule {rule}: adding rule {rule}: {}", mistake.message),
    })
}

fn convert<M>(
    tree: &Tree,
    canonical: Canonical<'_>,
    build: Build<'_, M>,
    empty: bool,
) -> Result<Expression<M>, Mistake> {
    let list =
        |trees: &[Tree]| trees.iter().map(|tree| convert(tree, canonical, build, empty)).collect::<Result<_, _>>();
    match tree {
        Tree::All(trees) => Ok(Expression::All(list(trees)?)),
        Tree::Any(trees) => Ok(Expression::Any(list(trees)?)),
        Tree::Call(call) => {
            let name = canonical(&call.name).unwrap_or_default();
            let wrong = |message: String| Mistake::new(call.offset, message);
            if call.args.is_empty() {
                return Err(wrong(format!("error while checking rule {name}: no args for matcher {name}")));
            }
            if !empty && call.args.iter().any(Vec::is_empty) {
                let shown: Vec<_> = call.args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
                return Err(wrong(format!(
                    "error while checking rule {name}: empty args for matcher {name}, [{}]",
                    shown.join(" ")
                )));
            }
            let matcher =
                build(name, &call.args).map_err(|reason| wrong(format!("error while adding rule {name}: {reason}")))?;
            Ok(Expression::Leaf { matcher, negated: call.negated, text: written(name, call).into() })
        }
    }
}

/// A matcher as the documentation writes it.
fn written(name: &str, call: &Call) -> String {
    let written = |arg: &Vec<u8>| {
        let arg = String::from_utf8_lossy(arg);
        // Nothing in backticks is an escape, and a carriage return there is left out.
        if arg.contains(['`', '\r']) { quoted(&arg) } else { format!("`{arg}`") }
    };
    let args: Vec<String> = call.args.iter().map(written).collect();
    format!("{}{name}({})", if call.negated { "!" } else { "" }, args.join(", "))
}

/// Traefik's words for a mistake in the text: `line:column: what`, or only what, where the text is well formed but means nothing.
fn syntax_error(rule: &str, mistake: &Mistake) -> RuleError {
    let before = rule.get(..mistake.offset).unwrap_or(rule);
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
    let lexical =
        ["expected ", "missing ", "illegal ", "unknown ", "escape ", "comment ", "string ", "raw string ", "rune "];
    let go_type = mistake.message.starts_with("expected identifier");
    let place = if !go_type && lexical.iter().any(|start| mistake.message.starts_with(start)) {
        format!("{line}:{column}: ")
    } else {
        String::new()
    };
    RuleError {
        offset: mistake.offset,
        message: format!("error while parsing rule {rule}: parsing rule {rule}: {place}{}", mistake.message),
    }
}

impl<M> Expression<M> {
    /// The answer for whatever `ask` looks at.
    pub(super) fn matches(&self, ask: &impl Fn(&M) -> bool) -> bool {
        match self {
            Self::All(terms) => terms.iter().all(|term| term.matches(ask)),
            Self::Any(terms) => terms.iter().any(|term| term.matches(ask)),
            Self::Leaf { matcher, negated, .. } => ask(matcher) != *negated,
        }
    }

    /// The answer where each leaf's own (negation included) is known, in the order of the text.
    pub(super) fn answer(&self, leaves: &mut impl Iterator<Item = bool>) -> bool {
        match self {
            // Every leaf takes its answer, whatever is known already.
            Self::All(terms) => terms.iter().filter(|term| !term.answer(leaves)).count() == 0,
            Self::Any(terms) => terms.iter().filter(|term| term.answer(leaves)).count() > 0,
            Self::Leaf { .. } => leaves.next().unwrap_or(false),
        }
    }

    /// Shows each leaf: matcher, negation, text; in the order of the text.
    pub(super) fn leaves<'a>(&'a self, visit: &mut impl FnMut(&'a M, bool, &'a str)) {
        match self {
            Self::All(terms) | Self::Any(terms) => {
                for term in terms {
                    term.leaves(visit);
                }
            }
            Self::Leaf { matcher, negated, text } => visit(matcher, *negated, text),
        }
    }

    /// Shows each matcher, in the order of the text.
    pub(super) fn each<'a>(&'a self, visit: &mut impl FnMut(&'a M)) {
        self.leaves(&mut |matcher, _, _| visit(matcher));
    }

    /// What every match must come with, if `facet` can tell it for single matchers: for "all", what one term says; for "any", what all say.
    pub(super) fn required<'a, T>(&'a self, facet: &impl Fn(&'a M) -> Option<T>) -> Option<Vec<T>> {
        match self {
            Self::All(terms) => terms.iter().filter_map(|term| term.required(facet)).min_by_key(Vec::len),
            Self::Any(terms) => {
                let mut all = Vec::new();
                for term in terms {
                    all.extend(term.required(facet)?);
                }
                Some(all)
            }
            Self::Leaf { matcher, negated: false, .. } => facet(matcher).map(|one| vec![one]),
            Self::Leaf { negated: true, .. } => None,
        }
    }
}
