//! What a template says about a container.

use std::collections::BTreeMap;

use super::Model;
use super::functions::call;
use super::parse::{Node, Operand, Pipeline};

/// A value in a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// What `if` goes by.
    pub(super) fn holds(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Number(number) => *number != 0,
            Self::Flag(flag) => *flag,
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
        }
    }

    /// As it is printed.
    pub(super) fn text(&self) -> String {
        let joined = |items: Vec<String>| items.join(" ");
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(items) => format!("[{}]", joined(items.iter().map(Self::text).collect())),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{key}:{}", value.text()));
                format!("map[{}]", joined(entries.collect()))
            }
        }
    }

    /// The value below a path of keys; a key that a map does not have gives an empty text.
    fn below(&self, path: &[String]) -> Result<Self, String> {
        let mut value = self.clone();
        for key in path {
            value = match value {
                Self::Map(mut entries) => entries.remove(key).unwrap_or_else(|| Self::Text(String::new())),
                _ => return Err(format!("`.{key}`: what is before it has no fields")),
            };
        }
        Ok(value)
    }
}

/// Fills in a template.
pub(super) fn evaluate(nodes: &[Node], model: &Model<'_>) -> Result<String, String> {
    let text = |text: &str| Value::Text(text.to_owned());
    let labels = model.labels.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let root: BTreeMap<String, Value> = [
        ("Name".to_owned(), text(model.name)),
        ("ContainerName".to_owned(), text(model.container_name)),
        ("Labels".to_owned(), Value::Map(labels)),
    ]
    .into();
    let root = Value::Map(root);
    let mut scope = Scope { variables: vec![("$".to_owned(), root.clone())], out: String::new() };
    scope.nodes(nodes, &root, true)?;
    Ok(scope.out)
}

struct Scope {
    variables: Vec<(String, Value)>,
    out: String,
}

impl Scope {
    /// `top`: the dot is the container, whose fields are known.
    fn nodes(&mut self, nodes: &[Node], dot: &Value, top: bool) -> Result<(), String> {
        let before = self.variables.len();
        for node in nodes {
            self.node(node, dot, top)?;
        }
        self.variables.truncate(before);
        Ok(())
    }

    fn node(&mut self, node: &Node, dot: &Value, top: bool) -> Result<(), String> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Print(pipeline) => {
                let printed = self.pipeline(pipeline, dot, top)?.text();
                self.out.push_str(&printed);
            }
            Node::Set(name, pipeline) => {
                let value = self.pipeline(pipeline, dot, top)?;
                self.variables.push((name.clone(), value));
            }
            Node::If { condition, then, otherwise } => {
                let holds = self.pipeline(condition, dot, top)?.holds();
                self.nodes(if holds { then } else { otherwise }, dot, top)?;
            }
            Node::With { value, then, otherwise } => {
                let value = self.pipeline(value, dot, top)?;
                if value.holds() {
                    self.nodes(then, &value, false)?;
                } else {
                    self.nodes(otherwise, dot, top)?;
                }
            }
            Node::Range { key, value, over, body, otherwise } => {
                let items: Vec<(Value, Value)> = match self.pipeline(over, dot, top)? {
                    Value::List(items) => (0..).map(Value::Number).zip(items).collect(),
                    Value::Map(entries) => entries.into_iter().map(|(key, value)| (Value::Text(key), value)).collect(),
                    _ => return Err("`range` goes over lists and labels only".to_owned()),
                };
                if items.is_empty() {
                    return self.nodes(otherwise, dot, top);
                }
                for (position, item) in items {
                    let before = self.variables.len();
                    self.variables.extend(key.clone().map(|name| (name, position)));
                    self.variables.extend(value.clone().map(|name| (name, item.clone())));
                    self.nodes(body, &item, false)?;
                    self.variables.truncate(before);
                }
            }
        }
        Ok(())
    }

    fn pipeline(&self, pipeline: &Pipeline, dot: &Value, top: bool) -> Result<Value, String> {
        let mut piped = None;
        for stage in pipeline {
            let (head, operands) = stage.split_first().ok_or("an empty action")?;
            let mut args =
                operands.iter().map(|operand| self.operand(operand, dot, top)).collect::<Result<Vec<_>, _>>()?;
            args.extend(piped.take());
            piped = Some(match head {
                Operand::Name(name) => call(name, &args)?,
                operand if args.is_empty() => self.operand(operand, dot, top)?,
                _ => return Err("only functions take arguments".to_owned()),
            });
        }
        piped.ok_or_else(|| "an empty action".to_owned())
    }

    fn operand(&self, operand: &Operand, dot: &Value, top: bool) -> Result<Value, String> {
        match operand {
            Operand::Text(text) => Ok(Value::Text(text.clone())),
            Operand::Number(number) => Ok(Value::Number(*number)),
            Operand::Flag(flag) => Ok(Value::Flag(*flag)),
            Operand::Field(path) => {
                if let (true, Some(first)) = (top, path.first())
                    && !["Name", "ContainerName", "Labels"].contains(&first.as_str())
                {
                    return Err(format!("a container has no field `.{first}`"));
                }
                dot.below(path)
            }
            Operand::Variable(name, path) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.ok_or_else(|| format!("there is no variable `{name}`"))?.1.below(path)
            }
            Operand::Name(name) => call(name, &[]),
            Operand::Nested(pipeline) => self.pipeline(pipeline, dot, top),
        }
    }
}
