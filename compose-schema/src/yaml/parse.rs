//! YAML text to spanned documents. The only file that knows the YAML parser.
//!
//! Follows what Go's `yaml.v3` accepts, since that is what Docker Compose reads with.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Tag as ParsedTag};

use super::alias::{AliasError, Anchors};
use super::scalar::{self, CoreTag};
use super::tabs::{self, Tabs};
use super::{Entry, Mapping, Node, Tag, Value, brackets};
use crate::codes::input;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};

/// Levels of lists and mappings that a document may have, aliases counted with what they stand for.
pub const MAX_DEPTH: usize = 100;

/// Bytes that are read again at most, for what the parser does not know: once for each comment directly behind a value, and once
/// for each list or mapping in brackets that has lines indented with tabs.
const MAX_REREAD: usize = 32 << 20;

/// The documents of a text; an empty one is null. `text` must be the text of `source`.
///
/// # Errors
/// Every mistake found; after one of syntax reading cannot go on.
pub fn documents(source: SourceId, text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let mut text = Cow::Borrowed(text);
    let mut reread = 0;
    loop {
        let Mistakes { mended, diagnostics } = match read(source, &text) {
            Ok(documents) => return Ok(documents),
            Err(mistakes) => mistakes,
        };
        reread += text.len();
        match mended.filter(|_| reread <= MAX_REREAD) {
            Some(changed) => text = Cow::Owned(changed),
            None => return Err(diagnostics),
        }
    }
}

/// Why a text was not read.
struct Mistakes {
    /// The text without what Go's reader takes and the parser does not.
    mended: Option<String>,
    diagnostics: Vec<Diagnostic>,
}

/// The text with spaces in place of the comment at `at`, all else where it was: to Go's reader, `#` directly behind a
/// quoted text, a bracket or the head of a block scalar starts a comment.
fn without_comment(text: &str, at: usize) -> Option<String> {
    let comment = text.get(at..).filter(|rest| rest.starts_with('#'))?;
    let end = at + comment.find(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).unwrap_or(comment.len());
    Some(format!("{}{}{}", text.get(..at)?, " ".repeat(end - at), text.get(end..)?))
}

fn read(source: SourceId, text: &str) -> Result<Vec<Node>, Mistakes> {
    let options = granit_parser::options! {
        block_scalar_eof_without_line_feed: true,
        bom_inside_document_as_content: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut composer = Composer::new(source, text);
    composer.directives();
    let mut mended = None;
    for next in Parser::new_from_str_with_options(text, options) {
        match next {
            Ok((event, place)) => {
                let range = place.byte_range().unwrap_or(0..0);
                let span = composer.span(range.start, range.end);
                if composer.take(event, span).is_err() {
                    break;
                }
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                if matches!(error.kind(), ErrorKind::CommentNotSeparated) {
                    mended = without_comment(text, at);
                } else if let Some(brackets) = composer.brackets(at) {
                    mended = tabs::without(text, brackets);
                }
                composer.syntax(at, &error.info());
                break;
            }
        }
    }
    if composer.diagnostics.is_empty()
        && let Some(at) = composer.tabs.misplaced()
    {
        composer.syntax(at, "a tab stands where a space is wanted");
    }
    let diagnostics = composer.diagnostics;
    if diagnostics.is_empty() { Ok(composer.documents) } else { Err(Mistakes { mended, diagnostics }) }
}

/// Reading cannot go on.
struct Stop;

/// A value with what the budget needs to know about it.
struct Built {
    node: Node,
    nodes: usize,
    height: usize,
    /// Whether it is the plain scalar `<<`.
    merge: bool,
    /// Whether an alias stands here.
    alias: bool,
}

enum Collection {
    Sequence(Vec<Node>),
    Mapping(Box<OpenMapping>),
}

/// A mapping whose end is not reached.
#[derive(Default)]
struct OpenMapping {
    entries: Mapping,
    /// A key that waits for its value.
    key: Option<Built>,
    /// The merge key, and the mappings that it takes over.
    merged: Option<(Span, Vec<Mapping>)>,
}

/// A collection whose end is not reached.
struct Open {
    collection: Collection,
    span: Span,
    anchor: usize,
    tag: Option<Tag>,
    nodes: usize,
    height: usize,
}

struct Composer<'t> {
    source: SourceId,
    text: &'t str,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: Anchors,
    tabs: Tabs<'t>,
    diagnostics: Vec<Diagnostic>,
}

impl<'t> Composer<'t> {
    fn new(source: SourceId, text: &'t str) -> Self {
        Self {
            source,
            text,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: Anchors::new(text.len()),
            tabs: Tabs::new(text),
            diagnostics: Vec::new(),
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source: self.source, start: offset(start), end: offset(end) }
    }

    /// Refuses directives of the first document that do not exist, and its end before its beginning.
    fn directives(&mut self) {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            let content = line.trim_start_matches('\u{feff}').trim_end();
            let name = content.split_whitespace().next().unwrap_or_default();
            if name.starts_with('%') && !matches!(name, "%YAML" | "%TAG") {
                let at = self.span(start, start + line.trim_end().len());
                let found = Diagnostic::error(input::SYNTAX, format!("there is no directive `{name}`"));
                self.diagnostics
                    .push(found.at(at, "").hint("remove the line; a value that starts with `%` must be quoted"));
            } else if line.trim_start_matches('\u{feff}').starts_with("...") && name == "..." {
                let at = self.span(start, start + content.len());
                let found = Diagnostic::error(input::SYNTAX, "a document ends here, but none has begun");
                self.diagnostics.push(found.at(at, "").hint("remove the line"));
                return;
            } else if !(content.is_empty() || content.starts_with(['#', '%'])) {
                return;
            }
            start += line.len();
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_, Some(version)) if (version.major, version.minor) != (1, 1) => {
                self.diagnostics.push(
                    Diagnostic::error(
                        input::SYNTAX,
                        format!("YAML {}.{} is declared, compose files are YAML 1.1", version.major, version.minor),
                    )
                    .at(span, "")
                    .hint("remove the `%YAML` line"),
                );
                return Err(Stop);
            }
            Event::DocumentEnd => self.anchors.forget(),
            Event::Scalar(text, style, anchor, tag) => {
                let around = self.open.last().map_or(0, |open| open.span.start as usize);
                self.tabs.scalar(style, span.range(), around);
                let built = self.scalar(&text, style, tag.as_deref(), span);
                return self.place(built, anchor);
            }
            Event::Alias(id) => {
                let (node, nodes, height) = self.anchors.copy(id).map_err(|error| self.alias(error, span))?;
                return self.place(Built { node, nodes, height, merge: false, alias: true }, 0);
            }
            Event::UnresolvedAlias(name) => {
                self.diagnostics.push(
                    Diagnostic::error(input::ALIAS, format!("there is no anchor `&{name}` before this alias"))
                        .at(span, "")
                        .hint("anchors hold for one file and one document, and must come first"),
                );
                return self.place(Built::leaf(Node::new(Value::Null, span)), 0);
            }
            Event::SequenceStart(_, anchor, tag) => {
                return self.start(Collection::Sequence(Vec::new()), span, anchor, tag.as_deref());
            }
            Event::MappingStart(_, anchor, tag) => {
                return self.start(Collection::Mapping(Box::default()), span, anchor, tag.as_deref());
            }
            Event::SequenceEnd | Event::MappingEnd => return self.end(span),
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&ParsedTag>, span: Span) -> Built {
        let plain = style == ScalarStyle::Plain;
        if style == ScalarStyle::DoubleQuoted {
            self.slash(span);
        }
        // To Go's reader these are ends of lines.
        let text = if plain { text.trim_end_matches(['\u{85}', '\u{2028}', '\u{2029}', ' ']) } else { text };
        let text = if plain && self.keeps_colon(span) { &format!("{text}:") } else { text };
        let core = tag.and_then(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:"));
        let value = match (core.as_deref().and_then(CoreTag::named), tag) {
            (Some(core), _) => scalar::tagged(text, core).unwrap_or_else(|problem| {
                let message = format!("the value {problem}");
                self.diagnostics.push(Diagnostic::error(input::TAG, message).at(span, ""));
                Value::Null
            }),
            (None, None) if plain => scalar::plain(text),
            _ => Value::String(text.to_owned()),
        };
        let merge = plain && text == "<<" && (tag.is_none() || core.as_deref() == Some("merge"));
        let node = Node { value, span, tag: tag.and_then(compose_tag) };
        Built { node, nodes: 1, height: 0, merge, alias: false }
    }

    fn begins_with_bracket(&self, span: Span) -> bool {
        self.text.get(span.start as usize..).is_some_and(|rest| rest.starts_with(['[', '{']))
    }

    /// The outermost brackets around this place.
    fn brackets(&self, at: usize) -> Option<Range<usize>> {
        let open = self.open.iter().find(|open| self.begins_with_bracket(open.span))?;
        let start = open.span.start as usize;
        brackets::end(self.text, start).filter(|&end| at < end).map(|end| start..end)
    }

    /// Whether a plain key of a mapping in braces ends with the colon behind it: in `{key:}` no space makes it an indicator.
    fn keeps_colon(&self, span: Span) -> bool {
        let rest = self.text.get(span.end as usize..).unwrap_or_default();
        let Some(rest) = rest.strip_prefix(':') else { return false };
        let key = self
            .open
            .last()
            .is_some_and(|open| matches!(&open.collection, Collection::Mapping(mapping) if mapping.key.is_none()));
        key && rest.starts_with([',', '}'])
    }

    /// Refuses `\/`, an escape of JSON and YAML 1.2 only.
    fn slash(&mut self, span: Span) {
        let written = self.text.get(span.range()).unwrap_or_default();
        let mut escaped = false;
        for (at, character) in written.char_indices() {
            if escaped && character == '/' {
                let start = span.start + u32::try_from(at).unwrap_or_default();
                let at = Span { start: start - 1, end: start + 1, ..span };
                let found = Diagnostic::error(input::SYNTAX, "the YAML is not well formed: `\\/` is no escape");
                self.diagnostics.push(found.at(at, "").hint("write `/` alone"));
            }
            escaped = character == '\\' && !escaped;
        }
    }

    fn start(
        &mut self,
        collection: Collection,
        span: Span,
        anchor: usize,
        tag: Option<&ParsedTag>,
    ) -> Result<(), Stop> {
        let tag = tag.and_then(compose_tag);
        self.open.push(Open { collection, span, anchor, tag, nodes: 1, height: 0 });
        self.check_depth(0, span)
    }

    fn end(&mut self, span: Span) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.collection {
            Collection::Sequence(items) => Value::Sequence(items),
            Collection::Mapping(mapping) => {
                let OpenMapping { mut entries, merged, .. } = *mapping;
                for mapping in merged.into_iter().flat_map(|(_, mappings)| mappings) {
                    for (key, entry) in mapping {
                        entries.get_or_insert_with(&key, || entry);
                    }
                }
                entries.shrink();
                entries.into()
            }
        };
        let end = span.end.max(open.span.end);
        if self.begins_with_bracket(open.span) {
            self.tabs.brackets(open.span.start as usize..end as usize);
        }
        let node = Node { value, span: Span { end: self.trimmed(open.span.start, end), ..open.span }, tag: open.tag };
        self.place(Built { node, nodes: open.nodes, height: open.height + 1, merge: false, alias: false }, open.anchor)
    }

    /// Puts a complete value where it belongs.
    fn place(&mut self, built: Built, anchor: usize) -> Result<(), Stop> {
        self.check_depth(built.height, built.node.span)?;
        if anchor != 0 {
            let defined = self.anchors.define(anchor, &built.node, built.nodes, built.height);
            defined.map_err(|error| self.alias(error, built.node.span))?;
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(built.node);
            return Ok(());
        };
        open.nodes = open.nodes.saturating_add(built.nodes);
        open.height = open.height.max(built.height);
        match &mut open.collection {
            Collection::Sequence(items) => items.push(built.node),
            Collection::Mapping(mapping) => match mapping.key.take() {
                None => mapping.key = Some(built),
                Some(key) if key.merge => {
                    self.diagnostics.extend(merge(&mut mapping.merged, key.node.span, built));
                }
                Some(key) => self.diagnostics.extend(insert(&mut mapping.entries, key.node, built.node)),
            },
        }
        Ok(())
    }

    fn check_depth(&mut self, height: usize, span: Span) -> Result<(), Stop> {
        if self.open.len() + height <= MAX_DEPTH {
            return Ok(());
        }
        self.diagnostics.push(too_deep(span));
        Err(Stop)
    }

    fn alias(&mut self, error: AliasError, span: Span) -> Stop {
        let message = match error {
            AliasError::InsideItself => "the value of this anchor contains itself",
            AliasError::TooMuch => "the aliases of this file stand for too many values",
        };
        self.diagnostics.push(Diagnostic::error(input::ALIAS, message).at(span, ""));
        Stop
    }

    fn syntax(&mut self, at: usize, info: &str) {
        let at = (0..=at.min(self.text.len())).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0);
        let next = self.text.get(at..).and_then(|rest| rest.chars().next()).filter(|c| !c.is_control());
        let span = self.span(at, at + next.map_or(0, char::len_utf8));
        if info.contains("recursion limit") || info.contains("nesting") {
            self.diagnostics.push(too_deep(span));
            return;
        }
        let line_start = self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let line = self.text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or("");
        let indentation = line.len() - line.trim_start().len();
        let mut diagnostic =
            Diagnostic::error(input::SYNTAX, format!("the YAML is not well formed: {info}")).at(span, "");
        if line.get(..indentation).is_some_and(|space| space.contains('\t')) {
            diagnostic = diagnostic.hint("indent with spaces; tabs are not allowed");
        } else if matches!(next, Some('@' | '`' | '%')) {
            diagnostic = diagnostic.hint("a value that starts with this character must be quoted");
        } else if info.contains("alphabetic") || self.text.get(..at).is_some_and(|before| before.ends_with('*')) {
            diagnostic = diagnostic.hint("a value that starts with `*` or `&` must be quoted");
        }
        self.diagnostics.push(diagnostic);
    }

    /// The end of a stretch without the white space and comments after its last value.
    fn trimmed(&self, start: u32, end: u32) -> u32 {
        let text = self.text.get(start as usize..end as usize).unwrap_or("");
        start + u32::try_from(text.trim_end().len()).unwrap_or(0)
    }
}

impl Built {
    fn leaf(node: Node) -> Self {
        Self { node, nodes: 1, height: 0, merge: false, alias: false }
    }
}

/// Adds an entry; returns what is wrong with its key.
fn insert(entries: &mut Mapping, key: Node, node: Node) -> Option<Diagnostic> {
    let Value::String(name) = key.value else {
        let shown = key.value.text().map_or_else(|| key.value.kind().to_owned(), |text| format!("`{text}`"));
        let diagnostic =
            Diagnostic::error(input::KEY_NOT_TEXT, format!("the key is {}, not text: {shown}", key.value.kind()));
        let diagnostic = diagnostic.at(key.span, "");
        return Some(match key.value.text() {
            Some(text) => diagnostic.hint(format!("put quotes around it: `\"{text}\"`")),
            None => diagnostic,
        });
    };
    if let Some(first) = entries.get(&name) {
        return Some(
            Diagnostic::error(input::DUPLICATE_KEY, format!("the key `{name}` is already defined"))
                .at(key.span, "defined again here")
                .also(first.key, "first defined here"),
        );
    }
    entries.insert(name, Entry { key: key.span, node });
    None
}

/// Remembers the mappings that a `<<` key takes over; returns what is wrong with it.
fn merge(merged: &mut Option<(Span, Vec<Mapping>)>, key: Span, built: Built) -> Option<Diagnostic> {
    if let Some((first, _)) = merged {
        return Some(
            Diagnostic::error(input::DUPLICATE_KEY, "the key `<<` is already defined")
                .at(key, "defined again here")
                .also(*first, "first defined here")
                .hint("name several mappings in a list: `<<: [*one, *two]`"),
        );
    }
    let alias = built.alias;
    let wanted = |span: Span| {
        let wanted = Diagnostic::error(input::MERGE_KEY, "`<<` needs a mapping or a list of mappings");
        // The mistake is in the line that asks for it; an anchor may be far away, and right where it stands.
        Some(if alias { wanted.at(key, "").also(span, "the alias stands for this") } else { wanted.at(span, "") })
    };
    let mut mappings = Vec::new();
    match built.node.value {
        // What is reset is not there, so that nothing is taken over.
        _ if built.node.tag == Some(Tag::Reset) => {}
        Value::Mapping(mapping) => mappings.push(*mapping),
        Value::Sequence(items) if !built.alias => {
            for item in items {
                let Value::Mapping(mapping) = item.value else { return wanted(item.span) };
                mappings.push(*mapping);
            }
        }
        _ => return wanted(built.node.span),
    }
    *merged = Some((key, mappings));
    None
}

fn compose_tag(tag: &ParsedTag) -> Option<Tag> {
    match tag.parts() {
        ("!", "reset") => Some(Tag::Reset),
        ("!", "override") => Some(Tag::Override),
        _ => None,
    }
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(input::TOO_DEEP, format!("more than {MAX_DEPTH} levels of lists and mappings")).at(span, "")
}
