//! What a template gives.

use super::functions::{bare, call};
use super::parse::{Branches, Kind, Node, Operand, Pipeline, Template};
use super::value::Value;
use super::{Context, Mistake};

/// Most bytes that a template gives, and most steps that it takes: far more than anybody's configuration, and soon over.
const LARGEST: usize = 16 * 1024 * 1024;
const MOST_STEPS: usize = 4_000_000;
/// Most bytes and items of all values together that functions give and variables are read for.
const MOST_WEIGHT: usize = 64 * 1024 * 1024;
/// Templates in templates, at most.
const DEEPEST: usize = 32;

/// Fills in a template.
pub(super) fn evaluate(template: &Template, context: &Context<'_>) -> Result<String, Mistake> {
    let mut scope = Scope {
        template,
        context,
        variables: vec![("$".to_owned(), context.root.clone())],
        out: String::new(),
        steps: 0,
        weight: 0,
        depth: 0,
    };
    scope.nodes(&template.nodes, &context.root, true)?;
    Ok(scope.out)
}

/// Whether what follows has its turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct Scope<'a> {
    template: &'a Template,
    context: &'a Context<'a>,
    variables: Vec<(String, Value)>,
    out: String,
    steps: usize,
    /// Of all values so far.
    weight: usize,
    depth: usize,
}

impl Scope<'_> {
    /// `top`: the dot is what the template is filled in with, whose fields are known.
    fn nodes(&mut self, nodes: &[Node], dot: &Value, top: bool) -> Result<Flow, Mistake> {
        let before = self.variables.len();
        let mut flow = Flow::On;
        for node in nodes {
            self.steps += 1;
            let at = |reason: String| Mistake { line: node.line, reason };
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
        let at = |reason: String| Mistake { line: node.line, reason };
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
            Kind::If(branches) => return self.branches(node.line, branches, dot, top, false),
            Kind::With(branches) => return self.branches(node.line, branches, dot, top, true),
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
        line: usize,
        branches: &Branches,
        dot: &Value,
        top: bool,
        moves: bool,
    ) -> Result<Flow, Mistake> {
        let value = self.pipeline(&branches.condition, dot, top).map_err(|reason| Mistake { line, reason })?;
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
                // Other than everything else, these change what they are given.
                Operand::Name(name) if matches!(name.as_str(), "set" | "unset") => {
                    self.change(name == "set", operands, piped, dot, top)?
                }
                Operand::Name(name) => {
                    let mut args = self.operands(operands, dot, top)?;
                    args.extend(piped.take());
                    let function = bare(name);
                    if function.starts_with("regex") {
                        // To read an expression is work, whatever comes of it.
                        self.weight += 4096;
                    }
                    let value = call(name, &args, self.context)?;
                    let value = self.counted(value)?;
                    if let ("merge", Some(Operand::Variable(variable, path))) = (&*function, operands.first()) {
                        self.keep(variable, path, &value);
                    }
                    value
                }
                Operand::Nothing => return Err("nil is not a command".to_owned()),
                operand if operands.is_empty() && piped.is_none() => self.operand(operand, dot, top)?,
                _ => return Err("only functions take arguments".to_owned()),
            });
        }
        piped.ok_or_else(|| "an empty action".to_owned())
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

    /// Sets an entry of a map, or removes it; the map, also where a variable holds it.
    fn change(
        &mut self,
        sets: bool,
        operands: &[Operand],
        piped: Option<Value>,
        dot: &Value,
        top: bool,
    ) -> Result<Value, String> {
        let mut args = self.operands(operands, dot, top)?;
        args.extend(piped);
        let changed = match (sets, <[Value; 3]>::try_from(args.clone()), <[Value; 2]>::try_from(args)) {
            (true, Ok([Value::Map(mut entries), Value::Text(key), value]), _) => {
                entries.insert(key, value);
                Value::Map(entries)
            }
            (false, _, Ok([Value::Map(mut entries), Value::Text(key)])) => {
                entries.remove(&key);
                Value::Map(entries)
            }
            _ => return Err("`set` takes a map, a name and a value, `unset` a map and a name".to_owned()),
        };
        let changed = self.counted(changed)?;
        match operands.first() {
            Some(Operand::Variable(name, path)) if path.is_empty() => self.keep(name, path, &changed),
            Some(Operand::Nested(_, path)) if path.is_empty() => {}
            _ => return Err("`set` and `unset` change maps of variables only, not those inside of others".to_owned()),
        }
        Ok(changed)
    }

    /// What a function has made of the map in a variable is what the variable holds.
    fn keep(&mut self, name: &str, path: &[String], value: &Value) {
        let known = self.variables.iter_mut().rev().find(|(known, _)| path.is_empty() && known == name);
        if let Some((_, known)) = known {
            known.clone_from(value);
        }
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
            Operand::Field(path) => {
                if let (true, Some(first)) = (top, path.first())
                    && !self.context.fields.contains(&first.as_str())
                {
                    return Err(format!("there is no field `.{first}`"));
                }
                dot.below(path)
            }
            Operand::Variable(name, path) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.ok_or_else(|| format!("there is no variable `{name}`"))?.1.below(path)
            }
            Operand::Name(name) => call(name, &[], self.context),
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
        Value::Number(count) => Ok(super::numbers::until(count.max(0))?.into_iter().map(|n| (n.clone(), n)).collect()),
        other => Err(format!("`range` cannot go over {}", other.kind())),
    }
}
