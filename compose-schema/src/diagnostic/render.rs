//! Diagnostics as text and as JSON.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};

use super::{Diagnostic, Label, Level};
use crate::source::{Source, Sources};

/// Bytes of a line that snippets show; of longer lines, only the place is given.
const LINE: usize = 400;
/// Lines that may lie between two marks of one snippet.
const APART: usize = 12;
/// Longest message in characters; what names and values make of it beyond that is cut.
const MESSAGE: usize = 2000;

/// A mark with what is needed to draw it.
struct Mark<'a> {
    source: &'a Source,
    line: usize,
    column: usize,
    /// Bytes of the source, on one line.
    range: Range<usize>,
    primary: bool,
    text: String,
}

pub(super) fn text(diagnostic: &Diagnostic, sources: &Sources, color: bool) -> String {
    let level = match diagnostic.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
    };
    let title = level.primary_title(printable(&diagnostic.message, MESSAGE)).id(diagnostic.code.0);
    let mut group = Group::with_title(title);
    let mut pending: Vec<Mark<'_>> = Vec::new();
    for mark in marks(diagnostic, sources) {
        let together = pending
            .last()
            .is_some_and(|last| std::ptr::eq(last.source, mark.source) && last.line.abs_diff(mark.line) <= APART);
        if !together {
            group = draw(group, &std::mem::take(&mut pending));
        }
        pending.push(mark);
    }
    group = draw(group, &pending);
    for hint in &diagnostic.hints {
        group = group.element(Title::HELP.with_name("hint").message(printable(hint, MESSAGE)));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.decor_style(DecorStyle::Ascii).render(&[group])
}

/// The marks of a message: the primary first, the others as they were added.
fn marks<'a>(diagnostic: &Diagnostic, sources: &'a Sources) -> Vec<Mark<'a>> {
    let mark = |label: &Label, primary: bool| {
        let (source, line, column) = sources.locate(label.span)?;
        let whole = source.line(line)?;
        // The renderer takes whole characters only.
        let whole_from = |at: usize| (at..whole.end).find(|&at| source.text.is_char_boundary(at)).unwrap_or(whole.end);
        let start = whole_from((label.span.start as usize).clamp(whole.start, whole.end));
        let end = whole_from((label.span.end as usize).clamp(start, whole.end));
        Some(Mark { source, line, column, range: start..end, primary, text: printable(&label.text, MESSAGE) })
    };
    let primary = diagnostic.primary.iter().filter_map(|label| mark(label, true));
    primary.chain(diagnostic.context.iter().filter_map(|label| mark(label, false))).collect()
}

fn fits(mark: &Mark<'_>) -> bool {
    mark.source.line(mark.line).is_some_and(|line| line.len() <= LINE)
}

/// Adds one snippet that shows marks of one source, which lie close together.
fn draw<'a>(group: Group<'a>, marks: &[Mark<'a>]) -> Group<'a> {
    let Some(head) = marks.iter().find(|mark| mark.primary).or_else(|| marks.first()) else { return group };
    let path = printable(&head.source.path.to_string_lossy(), MESSAGE);
    let first = marks.iter().map(|mark| mark.line).min().unwrap_or(head.line);
    let last = marks.iter().map(|mark| mark.line).max().unwrap_or(head.line);
    let window = match (head.source.line(first), head.source.line(last)) {
        (Some(start), Some(end)) if head.source.quotable && marks.iter().all(fits) => start.start..end.end,
        _ => return group.element(Origin::path(path).line(head.line).char_column(head.column)),
    };
    let Some(shown) = head.source.text.get(window.clone()) else { return group };
    let annotations: Vec<Annotation<'_>> = marks
        .iter()
        .map(|mark| {
            let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let within = |at: usize| at.clamp(window.start, window.end) - window.start;
            let span = kind.span(within(mark.range.start)..within(mark.range.end));
            if mark.text.is_empty() { span } else { span.label(mark.text.clone()) }
        })
        .collect();
    // The renderer replaces other control characters, but not these, among which terminals know a second escape. The
    // replacement takes as many bytes.
    let shown = shown.replace(|character| ('\u{80}'..='\u{9f}').contains(&character), "·");
    group.element(Snippet::source(shown).path(path).line_start(first).annotations(annotations))
}

/// Appends a character of foreign text as a terminal may have it: control characters, and those that turn lines around or
/// break them without being seen (UAX #9, explicit directions), escaped.
pub fn push_visibly(out: &mut String, character: char) {
    match character {
        '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            out.extend(character.escape_unicode());
        }
        character if character.is_control() => out.extend(character.escape_default()),
        character => out.push(character),
    }
}

/// One line without control characters, which are shown escaped, and not longer than `most` characters.
pub(super) fn printable(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most * 4));
    for (index, character) in text.chars().enumerate() {
        if index == most {
            out.push_str("...");
            break;
        }
        push_visibly(&mut out, character);
    }
    out
}

pub(super) fn json(diagnostic: &Diagnostic, sources: &Sources) -> serde_json::Value {
    let place = |label: &Label| {
        let (source, line, column) = sources.locate(label.span)?;
        Some((source.path.to_string_lossy().into_owned(), line, column))
    };
    let mut object = serde_json::json!({
        "level": match diagnostic.level { Level::Error => "error", Level::Warning => "warning" },
        "code": diagnostic.code.0,
        "message": diagnostic.message,
        "hints": diagnostic.hints,
    });
    let related: Vec<serde_json::Value> = diagnostic
        .context
        .iter()
        .filter_map(|label| {
            let (file, line, column) = place(label)?;
            Some(serde_json::json!({ "file": file, "line": line, "column": column, "message": label.text }))
        })
        .collect();
    if let Some(fields) = object.as_object_mut() {
        if let Some((file, line, column)) = diagnostic.primary.as_ref().and_then(place) {
            fields.insert("file".to_owned(), file.into());
            fields.insert("line".to_owned(), line.into());
            fields.insert("column".to_owned(), column.into());
        }
        if !related.is_empty() {
            fields.insert("related".to_owned(), related.into());
        }
    }
    object
}

#[cfg(test)]
mod tests;
