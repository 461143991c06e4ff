//! Expressions over labels, in the grammar of rules: ``Label(`key`, `value`)`` and ``LabelRegex(`key`, `pattern`)``.

use std::collections::BTreeMap;

use regex::bytes::Regex;

use super::RuleError;
use super::expression::{self, Expression};
use super::matcher::{arguments, canonical, regex, text};

const NAMES: [&str; 2] = ["Label", "LabelRegex"];

#[derive(Clone, Debug)]
enum Matcher {
    Label(String, String),
    LabelRegex(String, Regex),
}

/// A parsed expression over labels.
#[derive(Clone, Debug)]
pub struct Constraint {
    expression: Expression<Matcher>,
}

impl Constraint {
    /// Parses an expression. An empty value means "absent or empty".
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        Ok(Self { expression: expression::parse_with(text, &|name| canonical(&NAMES, name), &build, true)? })
    }

    /// Whether the labels are as the expression says.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.expression.matches(&|matcher| match matcher {
            Matcher::Label(key, value) => labels.get(key).map_or("", String::as_str) == value,
            Matcher::LabelRegex(key, regex) => labels.get(key).is_some_and(|value| regex.is_match(value.as_bytes())),
        })
    }
}

fn build(name: &str, args: &[Vec<u8>]) -> Result<Matcher, String> {
    let [key, value] = arguments(args, "one of [2]")?;
    let key = text(key)?.to_owned();
    Ok(if name == "Label" {
        Matcher::Label(key, text(value)?.to_owned())
    } else {
        Matcher::LabelRegex(key, regex(value, name)?)
    })
}
