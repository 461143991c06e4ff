//! Coded messages about an input, with the place, and the way out.

mod render;

pub use render::push_visibly;

use crate::source::{Sources, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The input is read; something about it is probably not meant.
    Warning,
    /// The input cannot be read as meant.
    Error,
}

/// A stable code (`E0203`, `W0107`), explained by `stack explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

impl Code {
    /// Whether it is the code of a warning or of an error.
    #[must_use]
    pub fn level(self) -> Level {
        if self.0.starts_with('W') { Level::Warning } else { Level::Error }
    }
}

/// A place with a few words about its part in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What it has to do with it; may be empty.
    pub text: String,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Warning or error.
    pub level: Level,
    /// Its stable code.
    pub code: Code,
    /// What is wrong: one line, lower case, no final period, names in backticks.
    pub message: String,
    /// The place the message is about; none only where no file is to blame.
    pub primary: Option<Label>,
    /// Other places that explain it (the first definition of a duplicate, the edges of a cycle).
    pub context: Vec<Label>,
    /// The ways out, one line each.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            code,
            message: message.into(),
            primary: None,
            context: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// A warning without a place yet.
    #[must_use]
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(code, message) }
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: text.into() });
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.context.push(Label { span, text: text.into() });
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    /// The message as a person reads it on a terminal: `error[E0203]: ...`, `--> file:line:column`,
    /// the snippet with the mistake marked, the hints. Control characters are shown escaped; the text of sources
    /// that may not be quoted is not shown.
    #[must_use]
    pub fn render(&self, sources: &Sources, color: bool) -> String {
        render::text(self, sources, color)
    }

    /// The message for programs: `level`, `code`, `message`, `file`, `line`, `column`, `hints`, `related`.
    #[must_use]
    pub fn to_json(&self, sources: &Sources) -> serde_json::Value {
        render::json(self, sources)
    }
}

/// Puts messages in order of place (those without one first) and leaves out repetitions.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        let place = |diagnostic: &Diagnostic| diagnostic.primary.as_ref().map(|label| label.span);
        place(a).cmp(&place(b)).then_with(|| b.level.cmp(&a.level)).then_with(|| a.message.cmp(&b.message))
    });
    diagnostics.dedup();
}
