//! One tree laid over another: mappings deep, lists appended, everything else replaced, with exceptions by path.

pub(crate) mod extends;
pub(crate) mod include;
mod rules;
pub(crate) mod tags;
mod unicity;

use crate::codes::merge as codes;
use crate::diagnostic::Diagnostic;
use crate::pattern::{Cursor, Trail};
use crate::source::Span;
use crate::yaml::{Entry, Mapping, Node, Value, rfc3339};

use rules::Rule;
pub(crate) use unicity::enforce as enforce_unicity;

/// Lays a document over what earlier ones said.
pub(crate) fn documents(base: Node, over: Node, diagnostics: &mut Vec<Diagnostic>) -> Node {
    Merge { diagnostics }.nodes(base, over, rules::table().root(), Trail::Root)
}

/// Lays a service over the one it extends.
pub(crate) fn services(base: Node, over: Node, diagnostics: &mut Vec<Diagnostic>) -> Node {
    let services = Trail::Key(&Trail::Root, "services");
    Merge { diagnostics }.nodes(base, over, rules::table().at(&["services", "*"]), Trail::Key(&services, "*"))
}

struct Merge<'d> {
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Merge<'_> {
    fn nodes(&mut self, base: Node, over: Node, cursor: Cursor<'_, Rule>, trail: Trail<'_>) -> Node {
        if let Some(rule) = cursor.rule() {
            return self.apply(rule, base, over, cursor, trail);
        }
        match (base.value, over.value) {
            // A key without a value takes nothing away.
            (base_value, Value::Null) => Node::new(base_value, base.span),
            (Value::Mapping(base_entries), Value::Mapping(entries)) => {
                Node::new(self.mappings(*base_entries, *entries, cursor, trail).into(), base.span)
            }
            (Value::Sequence(mut items), Value::Sequence(more)) => {
                items.extend(more);
                Node::new(Value::Sequence(items), base.span)
            }
            (base_value @ (Value::Mapping(_) | Value::Sequence(_)), value) => {
                self.kinds_differ(&base_value, base.span, &value, over.span, trail);
                Node::new(value, over.span)
            }
            (_, value) => Node::new(value, over.span),
        }
    }

    fn mappings(&mut self, base: Mapping, over: Mapping, cursor: Cursor<'_, Rule>, trail: Trail<'_>) -> Mapping {
        let mut merged = base;
        for (key, entry) in over {
            let Some(known) = merged.get_mut(&key) else {
                merged.insert(key, entry);
                continue;
            };
            let base = std::mem::replace(&mut known.node, Node::new(Value::Null, entry.key));
            let node = self.nodes(base, entry.node, cursor.child(&key), Trail::Key(&trail, &key));
            // A scalar is the later file's; a mapping or list that both have keeps its first place.
            let place =
                if matches!(node.value, Value::Mapping(_) | Value::Sequence(_)) { known.key } else { entry.key };
            *known = Entry { key: place, node };
        }
        merged
    }

    fn apply(&mut self, rule: Rule, base: Node, over: Node, cursor: Cursor<'_, Rule>, trail: Trail<'_>) -> Node {
        match rule {
            Rule::Replace => over,
            Rule::List => {
                let span = base.span;
                self.check_values(&over, trail);
                let mut items = into_list(base);
                items.extend(into_list(over));
                Node::new(Value::Sequence(items), span)
            }
            Rule::ExtraHosts => {
                let span = base.span;
                self.check_values(&over, trail);
                let mut items = into_list(base);
                let more: Vec<Node> =
                    into_list(over).into_iter().filter(|new| !items.iter().any(|old| old.same(new))).collect();
                items.extend(more);
                Node::new(Value::Sequence(items), span)
            }
            Rule::Build => self.over_mapping(into_build(base), into_build(over), cursor, trail),
            Rule::DependsOn => self.over_mapping(into_mapping(base, true), into_mapping(over, true), cursor, trail),
            Rule::Named => self.over_mapping(into_mapping(base, false), into_mapping(over, false), cursor, trail),
            Rule::Logging => {
                let driver = |node: &Node| node.get("driver").cloned();
                match (driver(&base), driver(&over)) {
                    (Some(old), Some(new)) if !old.same(&new) => over,
                    _ => self.both(base, over, cursor, trail),
                }
            }
            Rule::Ipam => match (base.value, over.value) {
                (Value::Sequence(old), Value::Sequence(new)) => {
                    Node::new(Value::Sequence(self.pools(&old, &new, cursor, trail)), base.span)
                }
                (base_value, value) => {
                    self.kinds_differ(&base_value, base.span, &value, over.span, trail);
                    Node::new(value, over.span)
                }
            },
        }
    }

    /// Warns of values that are no scalars where a mapping becomes a list: Docker Compose puts Go's text of them there,
    /// which nobody means.
    fn check_values(&mut self, over: &Node, trail: Trail<'_>) {
        let composed = |node: &Node| matches!(node.value, Value::Mapping(_) | Value::Sequence(_));
        for (key, entry) in over.as_mapping().into_iter().flatten() {
            let found = match &entry.node.value {
                Value::Sequence(items) => items.iter().find(|item| composed(item) || item.value == Value::Null),
                Value::Mapping(_) => Some(&entry.node),
                _ => None,
            };
            let Some(found) = found else { continue };
            let text = go_text(&found.value);
            let message = format!("`{trail}.{key}` is {}, which becomes the text `{text}`", found.value.kind());
            self.diagnostics.push(
                Diagnostic::warning(codes::VALUE_AS_TEXT, message).at(head(found.span), "").hint("write a text here"),
            );
        }
    }

    /// As [`Merge::both`], but what is neither a mapping nor a short form of one is nothing, as to Docker Compose.
    fn over_mapping(&mut self, base: Node, over: Node, cursor: Cursor<'_, Rule>, trail: Trail<'_>) -> Node {
        if matches!(base.value, Value::Mapping(_)) && !matches!(over.value, Value::Mapping(_) | Value::Null) {
            let message =
                format!("`{trail}` is {} here and a mapping there: what is here is ignored", over.value.kind());
            self.diagnostics.push(
                Diagnostic::warning(codes::IGNORED_KEY, message)
                    .at(head(over.span), "ignored")
                    .also(head(base.span), "this stays")
                    .hint("write both the same way, or put `!override` before the later one to replace the earlier"),
            );
            return base;
        }
        self.both(base, over, cursor, trail)
    }

    /// Merges two nodes that shall be mappings; null counts as an empty one.
    fn both(&mut self, base: Node, over: Node, cursor: Cursor<'_, Rule>, trail: Trail<'_>) -> Node {
        match (base.value, over.value) {
            (Value::Mapping(old), Value::Mapping(new)) => {
                Node::new(self.mappings(*old, *new, cursor, trail).into(), base.span)
            }
            (Value::Null, value) => Node::new(value, over.span),
            (value @ Value::Mapping(_), Value::Null) => Node::new(value, base.span),
            (base_value, value) => {
                self.kinds_differ(&base_value, base.span, &value, over.span, trail);
                Node::new(value, over.span)
            }
        }
    }

    /// Address pools of a network, matched by subnet. A base pool whose subnet no later pool names is dropped, as Docker
    /// Compose does.
    fn pools(&mut self, base: &[Node], over: &[Node], cursor: Cursor<'_, Rule>, trail: Trail<'_>) -> Vec<Node> {
        let subnet = |node: &Node| node.get("subnet").map(|node| node.value.clone());
        let mut merged: Vec<Node> = Vec::new();
        for old in base {
            let mut pool = old.clone();
            for new in over {
                let known =
                    |merged: &[Node], pool: &Node| merged.iter().position(|other| subnet(other) == subnet(pool));
                if subnet(&pool) != subnet(new) && known(&merged, new).is_none() {
                    merged.push(new.clone());
                    continue;
                }
                pool = self.both(pool, new.clone(), cursor, trail);
                match known(&merged, &pool).and_then(|place| merged.get_mut(place)) {
                    Some(known) => *known = pool.clone(),
                    None => merged.push(pool.clone()),
                }
            }
        }
        merged
    }

    fn kinds_differ(&mut self, base: &Value, base_span: Span, over: &Value, over_span: Span, trail: Trail<'_>) {
        let message = format!("`{trail}` is {} here and {} there", over.kind(), base.kind());
        let diagnostic = Diagnostic::error(codes::KINDS_DIFFER, message)
            .at(head(over_span), over.kind())
            .also(head(base_span), base.kind());
        self.diagnostics.push(if *over == Value::Null {
            diagnostic.hint("to remove what was given before, write `!reset null`")
        } else {
            diagnostic.hint("write both the same way, or put `!override` before the later one to replace the earlier")
        });
    }
}

/// The first byte of a value, for marks on long ones.
fn head(span: Span) -> Span {
    Span { end: span.end.min(span.start + 1), ..span }
}

/// A mapping as `KEY=value` items in order of text, a text as one item.
fn into_list(node: Node) -> Vec<Node> {
    match node.value {
        Value::Sequence(items) => items,
        Value::Mapping(entries) => {
            let mut items: Vec<Node> = entries.into_iter().flat_map(|(key, entry)| pairs(&key, &entry)).collect();
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            items
        }
        value @ Value::String(_) => vec![Node::new(value, node.span)],
        _ => Vec::new(),
    }
}

/// A value as Go's `%v` writes it.
fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(|item| go_text(&item.value)).collect::<Vec<_>>().join(" "))
        }
        Value::Mapping(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            let pairs: Vec<_> =
                sorted.iter().map(|(key, entry)| format!("{key}:{}", go_text(&entry.node.value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        Value::Timestamp(text) => go_time(text),
        scalar => scalar.text().unwrap_or_default().into_owned(),
    }
}

/// A date as Go's `%v` writes it: `2020-01-02 03:04:05 +0000 UTC`.
fn go_time(text: &str) -> String {
    let Some(standard) = rfc3339(text) else { return text.to_owned() };
    let Some((date, time)) = standard.split_once('T') else { return standard };
    match (time.strip_suffix('Z'), time.rfind(['+', '-']).and_then(|at| time.split_at_checked(at))) {
        (Some(time), _) => format!("{date} {time} +0000 UTC"),
        (None, Some((time, zone))) => {
            let zone = zone.replace(':', "");
            format!("{date} {time} {zone} {zone}")
        }
        (None, None) => standard,
    }
}

/// `KEY` for null, `KEY=value` for each item of a list, `KEY=value` for anything else.
fn pairs(key: &str, entry: &Entry) -> Vec<Node> {
    let span = Span { end: entry.node.span.end.max(entry.key.end), ..entry.key };
    let span = if entry.key.source == entry.node.span.source && entry.node.span.start >= entry.key.end {
        span
    } else {
        entry.key
    };
    let pair = |value: &Value| Node::new(Value::String(format!("{key}={}", go_text(value))), span);
    match &entry.node.value {
        Value::Null => vec![Node::new(Value::String(key.to_owned()), span)],
        Value::Sequence(items) => items.iter().map(|item| pair(&item.value)).collect(),
        value => vec![pair(value)],
    }
}

/// A list of names as a mapping of names to null, or to what a plain dependency means.
fn into_mapping(node: Node, dependencies: bool) -> Node {
    let Value::Sequence(items) = node.value else { return node };
    let entry = |item: Node| {
        let span = item.span;
        let Value::String(name) = item.value else { return None };
        let value = if dependencies {
            let entry = |value| Entry { key: span, node: Node::new(value, span) };
            Value::from_iter([
                ("condition".to_owned(), entry(Value::String("service_started".to_owned()))),
                ("required".to_owned(), entry(Value::Bool(true))),
            ])
        } else {
            Value::Null
        };
        Some((name, Entry { key: span, node: Node::new(value, span) }))
    };
    Node::new(items.into_iter().filter_map(entry).collect(), node.span)
}

/// `build: path` as `build: {context: path}`.
fn into_build(node: Node) -> Node {
    let Value::String(context) = node.value else { return node };
    let entry = Entry { key: node.span, node: Node::new(Value::String(context), node.span) };
    Node::new(Value::from_iter([("context".to_owned(), entry)]), node.span)
}
