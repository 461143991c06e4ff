//! What a template gives.

use super::parse::{Branches, Kind, Node, Tree};
use super::value::Value;
use super::words::{Operand, Pipeline};
use super::{Changes, Functions, Mistake, Place, builtin};

/// Most bytes that a template gives, and most steps that it takes: far more than anybody's configuration, and soon over.
const LARGEST: usize = 16 * 1024 * 1024;
const MOST_STEPS: usize = 4_000_000;
/// Most bytes and items of all values together that functions give and variables are read for.
const MOST_WEIGHT: usize = 64 * 1024 * 1024;
/// Templates in templates, at most.
const DEEPEST: usize = 32;

/// Most numbers that a `range` counts.
const LONGEST: i64 = 100_000;

/// Fills in a template, as far as it makes sense.
pub(super) fn evaluate(
    template: &Tree,
    root: &Value,
    functions: &dyn Functions,
    out: &mut String,
) -> Result<(), Mistake> {
    let variables = vec![("$".to_owned(), root.clone())];
    let mut scope = Scope { template, functions, variables, out, steps: 0, weight: 0, depth: 0 };
    scope.nodes(&template.nodes, root, true).map(|_| ())
}

/// Whether what follows has its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Scope<'a> {
    template: &'a Tree,
    functions: &'a dyn Functions,
    variables: Vec<(String, Value)>,
    out: &'a mut String,
    steps: usize,
    /// Of all values so far.
    weight: usize,
    depth: usize,
}

impl Scope<'_> {
    /// `top`: the dot is what the template is filled in with, which has methods.
    fn nodes(&mut self, nodes: &[Node], dot: &Value, top: bool) -> Result<Flow, Mistake> {
        let before = self.variables.len();
        let mut flow = Flow::On;
        for node in nodes {
            self.steps += 1;
            let at = |reason: String| Mistake { place: node.place, reason };
            if self.steps > MOST_STEPS || self.out.len() > LARGEST {
                return Err(at("the template gives more than any configuration is".to_owned()));
            }
            flow = self.node(node, dot, top)?;
            if flow != Flow::On {
                break;
            }
        }
        self.variables.truncate(before);
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Value, top: bool) -> Result<Flow, Mistake> {
        let at = |reason: String| Mistake { place: node.place, reason };
        match &node.kind {
            Kind::Text(text) => self.out.push_str(text),
            Kind::Print(pipeline) => {
                let printed = self.pipeline(pipeline, dot, top).map_err(at)?.text();
                self.out.push_str(&printed);
            }
            Kind::Declare(name, pipeline) => {
                let value = self.pipeline(pipeline, dot, top).map_err(at)?;
                self.variables.push((name.clone(), value));
            }
            Kind::Assign(name, pipeline) => {
                let value = self.pipeline(pipeline, dot, top).map_err(at)?;
                let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
                known.ok_or_else(|| at(format!("there is no variable `{name}`")))?.1 = value;
            }
            Kind::If(branches) => return self.branches(node.place, branches, dot, top, false),
            Kind::With(branches) => return self.branches(node.place, branches, dot, top, true),
            Kind::Range { key, value, over, body, otherwise } => {
                let over = self.pipeline(over, dot, top).map_err(at)?;
                if matches!(over, Value::Number(_)) && key.is_some() {
                    return Err(at("`range` over a number sets one variable".to_owned()));
                }
                let items = items(over).map_err(at)?;
                if items.is_empty() {
                    return self.nodes(otherwise, dot, top);
                }
                for (position, item) in items {
                    let before = self.variables.len();
                    self.variables.extend(key.clone().map(|name| (name, position)));
                    self.variables.extend(value.clone().map(|name| (name, item.clone())));
                    let flow = self.nodes(body, &item, false)?;
                    self.variables.truncate(before);
                    if flow == Flow::Break {
                        break;
                    }
                }
            }
            Kind::Template(name, value) => {
                let template = self.template;
                let body = template.named.get(name).ok_or_else(|| at(format!("there is no template {name:?}")))?;
                let dot = match value {
                    Some(value) => self.pipeline(value, dot, top).map_err(at)?,
                    None => Value::Nothing,
                };
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err(at(format!("the template {name:?} contains itself")));
                }
                let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), dot.clone())]);
                self.nodes(body, &dot, false)?;
                self.variables = outer;
                self.depth -= 1;
            }
            Kind::Break => return Ok(Flow::Break),
            Kind::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn branches(
        &mut self,
        place: Place,
        branches: &Branches,
        dot: &Value,
        top: bool,
        moves: bool,
    ) -> Result<Flow, Mistake> {
        let value = self.pipeline(&branches.condition, dot, top).map_err(|reason| Mistake { place, reason })?;
        let before = self.variables.len();
        self.variables.extend(branches.name.clone().map(|name| (name, value.clone())));
        let flow = match (value.holds(), moves) {
            (true, true) => self.nodes(&branches.then, &value, false)?,
            (true, false) => self.nodes(&branches.then, dot, top)?,
            (false, _) => self.nodes(&branches.otherwise, dot, top)?,
        };
        self.variables.truncate(before);
        Ok(flow)
    }

    /// Counts a value; an error where that is too much.
    fn counted(&mut self, value: Value) -> Result<Value, String> {
        self.weight = self.weight.saturating_add(value.weight()?);
        if self.weight > MOST_WEIGHT {
            Err("the template takes more than any configuration is".to_owned())
        } else {
            Ok(value)
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value, top: bool) -> Result<Value, String> {
        let mut piped = None;
        for stage in pipeline {
            let (head, operands) = stage.split_first().ok_or("an empty action")?;
            piped = Some(match head {
                // Those after the one that decides are not looked at.
                Operand::Name(name) if matches!(name.as_str(), "and" | "or") => {
                    self.decide(name == "or", operands, piped, dot, top)?
                }
                Operand::Name(name) => {
                    let mut args = self.operands(operands, dot, top)?;
                    args.extend(piped.take());
                    self.weight = self.weight.saturating_add(self.functions.work(name));
                    let value = self.call(name, &args)?;
                    let value = self.counted(value)?;
                    self.keep(name, operands.first(), &value)?;
                    value
                }
                Operand::Nothing => return Err("nil is not a command".to_owned()),
                operand if operands.is_empty() && piped.is_none() => self.operand(operand, dot, top)?,
                operand => {
                    let mut args = self.operands(operands, dot, top)?;
                    args.extend(piped.take());
                    let method = self.method(operand, &args, top).transpose()?;
                    method.ok_or("only functions take arguments")?
                }
            });
        }
        piped.ok_or_else(|| "an empty action".to_owned())
    }

    /// Calls a function: one that was brought along, or else Go's own.
    fn call(&self, name: &str, args: &[Value]) -> Result<Value, String> {
        self.functions.call(name, args).unwrap_or_else(|| builtin::call(name, args))
    }

    /// Calls a method of what the template is filled in with; none where there is none of that name.
    fn method(&self, operand: &Operand, args: &[Value], top: bool) -> Option<Result<Value, String>> {
        let path = match operand {
            Operand::Field(path) if top => path,
            Operand::Variable(name, path) if name == "$" && self.depth == 0 => path,
            _ => return None,
        };
        match path.as_slice() {
            [name] => self.functions.method(name, args),
            _ => None,
        }
    }

    /// The first operand that holds, or does not; else the last one.
    fn decide(
        &mut self,
        wanted: bool,
        operands: &[Operand],
        piped: Option<Value>,
        dot: &Value,
        top: bool,
    ) -> Result<Value, String> {
        let mut last = None;
        for operand in operands {
            let value = self.operand(operand, dot, top)?;
            if value.holds() == wanted {
                return Ok(value);
            }
            last = Some(value);
        }
        piped.or(last).ok_or_else(|| format!("`{}` needs arguments", if wanted { "or" } else { "and" }))
    }

    /// What a function has made of the map in a variable is what the variable holds.
    fn keep(&mut self, function: &str, map: Option<&Operand>, value: &Value) -> Result<(), String> {
        let changes = self.functions.changes(function);
        match map {
            _ if changes == Changes::Nothing => {}
            Some(Operand::Variable(name, path)) if path.is_empty() => {
                if let Some((_, known)) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
                    known.clone_from(value);
                }
            }
            Some(Operand::Nested(_, path)) if path.is_empty() => {}
            _ if changes == Changes::AnyMap => {}
            _ => return Err(format!("`{function}` changes maps of variables only, not those inside of others")),
        }
        Ok(())
    }

    fn operands(&mut self, operands: &[Operand], dot: &Value, top: bool) -> Result<Vec<Value>, String> {
        operands.iter().map(|operand| self.operand(operand, dot, top)).collect()
    }

    fn operand(&mut self, operand: &Operand, dot: &Value, top: bool) -> Result<Value, String> {
        let value = self.value(operand, dot, top)?;
        self.counted(value)
    }

    fn value(&mut self, operand: &Operand, dot: &Value, top: bool) -> Result<Value, String> {
        match operand {
            Operand::Nothing => Ok(Value::Nothing),
            Operand::Text(text) => Ok(Value::Text(text.clone())),
            Operand::Number(number) => Ok(Value::Number(*number)),
            Operand::Float(number) => Ok(Value::Float(*number)),
            Operand::Flag(flag) => Ok(Value::Flag(*flag)),
            Operand::Field(path) => self.method(operand, &[], top).unwrap_or_else(|| dot.below(path)),
            Operand::Variable(name, path) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.ok_or_else(|| format!("there is no variable `{name}`"))?.1.below(path)
            }
            Operand::Name(name) => self.call(name, &[]),
            Operand::Nested(pipeline, path) => self.pipeline(pipeline, dot, top)?.below(path),
        }
    }
}

/// What a `range` goes over: keys and values.
fn items(value: Value) -> Result<Vec<(Value, Value)>, String> {
    match value {
        Value::Nothing => Ok(Vec::new()),
        Value::List(items) => Ok((0..).map(Value::Number).zip(items).collect()),
        Value::Map(entries) => Ok(entries.into_iter().map(|(key, value)| (Value::Text(key), value)).collect()),
        Value::Number(count) if count > LONGEST => Err(format!("more than {LONGEST} numbers")),
        Value::Number(count) => Ok((0..count).map(|number| (Value::Number(number), Value::Number(number))).collect()),
        other => Err(format!("`range` cannot go over {}", other.kind())),
    }
}
