//! `[SOURCE:]TARGET[:OPTIONS]`, one entry of `volumes`.

use super::{Canon, clean_path, object, text};
use crate::codes::schema::VOLUME;
use crate::diagnostic::Diagnostic;
use crate::yaml::{Node, Value};

const PROPAGATIONS: [&str; 6] = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

impl Canon {
    /// Rewrites one entry.
    pub(super) fn volume(&mut self, place: &str, node: &mut Node) {
        let span = node.span;
        match &mut node.value {
            Value::String(spec) => match parse(spec) {
                Ok(short) => node.value = short.node(node).value,
                Err(reason) => {
                    let message = format!("`{place}.volumes` has the entry `{spec}`: {reason}");
                    // Refused with its variables as well: they do not change how many parts it has.
                    let found = Diagnostic::error(VOLUME, message).at(span, "");
                    self.found.push(found.hint("write `[SOURCE:]TARGET[:OPTION,...]`"));
                }
            },
            Value::Mapping(fields) if !fields.contains_key("target") => {
                let message = format!("`{place}.volumes` has an entry without `target`, the path in the container");
                self.refuse(VOLUME, message, span, "");
            }
            _ => {}
        }
    }
}

/// What the short form says.
#[derive(Default)]
struct Short {
    source: String,
    target: String,
    read_only: bool,
    no_copy: bool,
    propagation: Option<String>,
    selinux: Option<String>,
    /// Too short to say more than its target.
    bare: bool,
}

impl Short {
    fn node(&self, short: &Node) -> Node {
        let span = short.span;
        let flag = |value| Node::new(Value::Bool(value), span);
        let bind = is_host_path(&self.source);
        let mut fields = vec![("type", text(if bind { "bind" } else { "volume" }, span))];
        if !self.source.is_empty() {
            fields.push(("source", text(self.source.clone(), span)));
        }
        fields.push(("target", text(clean_path(&self.target), span)));
        if self.read_only {
            fields.push(("read_only", flag(true)));
        }
        let mut bind_fields = Vec::new();
        if let Some(propagation) = &self.propagation {
            bind_fields.push(("propagation", text(propagation.clone(), span)));
        }
        if let Some(selinux) = &self.selinux {
            bind_fields.push(("selinux", text(selinux.clone(), span)));
        }
        if bind {
            bind_fields.push(("create_host_path", flag(true)));
        }
        if !bind_fields.is_empty() {
            fields.push(("bind", object(bind_fields, span)));
        }
        if self.no_copy {
            fields.push(("volume", object(vec![("nocopy", flag(true))], span)));
        } else if !bind && !self.bare {
            fields.push(("volume", object(Vec::new(), span)));
        }
        object(fields, span)
    }
}

fn parse(spec: &str) -> Result<Short, &'static str> {
    if spec.is_empty() {
        return Err("it is empty");
    }
    if spec.len() <= 2 {
        return Ok(Short { target: spec.to_owned(), bare: true, ..Short::default() });
    }
    let sections = sections(spec);
    if sections.iter().any(String::is_empty) {
        return Err("there is nothing between two colons, or after the last");
    }
    let mut short = Short::default();
    let options = match sections.as_slice() {
        [target] => {
            short.target.clone_from(target);
            return Ok(short);
        }
        [source, target] => {
            (short.source, short.target) = (source.clone(), target.clone());
            ""
        }
        [source, target, options] => {
            (short.source, short.target) = (source.clone(), target.clone());
            options
        }
        _ => return Err("it has too many colons"),
    };
    for option in options.split(',') {
        match option {
            "ro" => short.read_only = true,
            "rw" => short.read_only = false,
            "nocopy" => short.no_copy = true,
            "z" | "Z" => short.selinux = Some(option.to_owned()),
            option if PROPAGATIONS.contains(&option) => short.propagation = Some(option.to_owned()),
            // Engines have had many more (`cached`, `delegated`); Docker Compose passes over what it does not know.
            _ => {}
        }
    }
    Ok(short)
}

/// Splits at colons, but not at the one of a drive (`C:\data`) or those of a variable (`${A:-b}`).
fn sections(spec: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let mut variables = 0_usize;
    for (at, c) in spec.char_indices() {
        let Some(current) = sections.last_mut() else { break };
        if spec.get(at..).is_some_and(|rest| rest.starts_with("${")) {
            variables += 1;
        } else if c == '}' {
            variables = variables.saturating_sub(1);
        }
        if c == ':' && variables == 0 && !is_drive(current) {
            sections.push(String::new());
        } else {
            current.push(c);
        }
    }
    sections
}

fn is_drive(section: &str) -> bool {
    let mut chars = section.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

/// Whether the source of a short form is a path of the host rather than the name of a volume.
fn is_host_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
        || source.starts_with(r"\\")
        || source.split_once(':').is_some_and(|(drive, _)| is_drive(drive))
}
