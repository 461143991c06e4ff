//! One compose file after another becomes one canonical tree, in the order that Docker Compose works in.

use std::path::{Path, PathBuf};

use super::LoadOptions;
use crate::codes::schema::WRONG_TYPE;
use crate::codes::{input, merge as codes};
use crate::diagnostic::Diagnostic;
use crate::interpolate::{cast_merged, interpolate};
use crate::merge::extends::Bases;
use crate::merge::include::{Included, Step};
use crate::merge::tags::Resets;
use crate::model::StringMap;
use crate::session::{Parsed, Session, Stop};
use crate::source::{SourceId, Span};
use crate::yaml::{Mapping, Node, Value};
use crate::{canonical, check, env, merge, paths, schema};

/// What a set of files is read with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) options: &'a LoadOptions,
    /// The folder that other files are named from, absolute.
    pub(crate) base: &'a Path,
    /// What relative paths of values become relative to: absolute for the project, from the including project for an
    /// included one, nothing where paths stay as they are.
    pub(crate) shown: Option<&'a Path>,
    /// The variables.
    pub(crate) environment: &'a StringMap,
}

impl<'a> Scope<'a> {
    /// The user's home folder.
    pub(crate) fn home(&self) -> Option<&'a str> {
        self.options.environment.get("HOME").map(String::as_str)
    }
}

/// A file to read, or one that was read.
#[derive(Debug)]
pub(crate) enum Input {
    /// A file, and the place that names it.
    Named { path: PathBuf, place: Option<Span> },
    /// A file whose documents are known.
    Read(Parsed),
}

impl Input {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Named { path, .. } => path,
            Self::Read(parsed) => &parsed.path,
        }
    }
}

/// Files merged into one tree: defaults filled in, rules of single resources checked, paths and environment resolved.
pub(crate) fn model(
    files: Vec<Input>,
    scope: &Scope<'_>,
    chain: &[Step],
    included: &mut Included,
    session: &mut Session,
) -> Result<Node, Stop> {
    let mut tree = nothing();
    let mut bases = Bases::default();
    for file in files {
        let (parsed, place) = match file {
            Input::Read(parsed) => (parsed, None),
            Input::Named { path, place } => (session.compose_file(&path, place)?, place),
        };
        let mut chain = chain.to_vec();
        chain.push(Step { file: parsed.path.clone(), place });
        for mut document in parsed.documents {
            let resets = prepare(&mut document, scope, session)?;
            merge::extends::apply(&mut document, &parsed.path, &resets, scope, &mut bases, session);
            session.checkpoint()?;
            merge::include::apply(&mut document, scope, &chain, included, session)?;
            session.checkpoint()?;
            resets.apply(&mut tree);
            tree = merge::documents(tree, document, &mut session.diagnostics);
            merge::enforce_unicity(&mut tree, &mut session.diagnostics);
            session.checkpoint()?;
            session.diagnostics.extend(schema::validate(&tree));
            session.checkpoint()?;
            drop_version(&mut tree, session);
            canonicalize(&mut tree, scope, session)?;
        }
    }
    if scope.options.interpolate {
        cast_merged(&mut tree, session);
        session.checkpoint()?;
    }
    canonical::defaults(&mut tree);
    session.diagnostics.extend(check::tree(&tree));
    session.checkpoint()?;
    if let Some(shown) = scope.shown {
        session.diagnostics.extend(check::paths(&tree));
        session.checkpoint()?;
        paths::resolve(&mut tree, shown, scope.home());
    }
    env::resolve::tree(&mut tree, scope.environment);
    Ok(tree)
}

/// A file that services extend, as one canonical tree; it need not be valid beyond the services that are used.
pub(crate) fn base(parsed: Parsed, scope: &Scope<'_>, session: &mut Session) -> Result<(Node, Resets), Stop> {
    let mut tree = nothing();
    let mut all_resets = Resets::default();
    for mut document in parsed.documents {
        let resets = prepare(&mut document, scope, session)?;
        resets.apply(&mut tree);
        all_resets.extend(resets);
        tree = merge::documents(tree, document, &mut session.diagnostics);
        merge::enforce_unicity(&mut tree, &mut session.diagnostics);
        canonicalize(&mut tree, scope, session)?;
    }
    Ok((tree, all_resets))
}

/// The message for a file that is somewhere else.
pub(crate) fn remote(path: &str, kind: &str, place: Option<Span>) -> Diagnostic {
    let diagnostic = Diagnostic::error(codes::REMOTE, format!("`{path}` is on {kind} and is not fetched"))
        .hint("fetch it yourself, look at it, and name the local file");
    match place {
        Some(span) => diagnostic.at(span, ""),
        None => diagnostic,
    }
}

/// Takes the tags out and puts variables in.
fn prepare(document: &mut Node, scope: &Scope<'_>, session: &mut Session) -> Result<Resets, Stop> {
    let resets = Resets::extract(document);
    // Nothing takes nothing away from earlier files, but services that are nothing are refused even then.
    if let Some(Node { value: Value::Null, span, .. }) = document.get("services") {
        let found = Diagnostic::error(WRONG_TYPE, "`services` must be a mapping, not nothing").at(*span, "");
        session.diagnostics.push(found.hint("write a service, or remove the line"));
    }
    if scope.options.interpolate {
        interpolate(document, scope.environment, session);
    }
    session.checkpoint()?;
    Ok(resets)
}

fn canonicalize(tree: &mut Node, scope: &Scope<'_>, session: &mut Session) -> Result<(), Stop> {
    session.diagnostics.extend(canonical::canonicalize(tree, scope.options.interpolate));
    session.checkpoint()?;
    drop_empty_dns(tree);
    // Ports written as ranges are single ports now, and short forms long ones.
    merge::enforce_unicity(tree, &mut session.diagnostics);
    session.checkpoint()
}

fn drop_version(tree: &mut Node, session: &mut Session) {
    if let Some(version) = tree.as_mapping_mut().and_then(|entries| entries.shift_remove("version")) {
        session.diagnostics.push(
            Diagnostic::warning(input::OBSOLETE_VERSION, "`version` has no meaning any more and is ignored")
                .at(version.key, "")
                .hint("remove it"),
        );
    }
}

/// Empty entries of `dns`, left by variables that are not set, mean nothing.
fn drop_empty_dns(tree: &mut Node) {
    for entry in tree.get_mut("services").and_then(Node::as_mapping_mut).into_iter().flat_map(Mapping::values_mut) {
        if let Some(Value::Sequence(items)) = entry.node.get_mut("dns").map(|dns| &mut dns.value) {
            items.retain(|item| item.as_str() != Some(""));
        }
    }
}

/// A tree without anything.
fn nothing() -> Node {
    Node::new(Value::from(Mapping::new()), Span { source: SourceId(0), start: 0, end: 0 })
}
