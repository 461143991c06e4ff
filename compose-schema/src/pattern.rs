//! Tables from paths in a compose file to rules: `services.*.ports`, where `*` is any key or list item.

/// Rules by path. Patterns share their beginnings, so that a walk over a tree costs one step a key.
#[derive(Debug)]
pub(crate) struct Patterns<T> {
    steps: Vec<Step<T>>,
}

#[derive(Debug)]
struct Step<T> {
    named: Vec<(&'static str, usize)>,
    any: Option<usize>,
    rule: Option<T>,
}

impl<T: Copy> Patterns<T> {
    /// A table of patterns with their rules.
    pub(crate) fn new(rules: &[(&'static str, T)]) -> Self {
        let mut patterns = Self { steps: vec![Step { named: Vec::new(), any: None, rule: None }] };
        for (pattern, rule) in rules {
            let last = pattern.split('.').fold(0, |at, key| patterns.grow(at, key));
            if let Some(step) = patterns.steps.get_mut(last) {
                step.rule = Some(*rule);
            }
        }
        patterns
    }

    fn grow(&mut self, at: usize, key: &'static str) -> usize {
        let next = self.steps.len();
        let Some(step) = self.steps.get_mut(at) else { return at };
        let known = if key == "*" {
            step.any
        } else {
            step.named.iter().find(|(name, _)| *name == key).map(|&(_, known)| known)
        };
        if let Some(known) = known {
            return known;
        }
        if key == "*" {
            step.any = Some(next);
        } else {
            step.named.push((key, next));
        }
        self.steps.push(Step { named: Vec::new(), any: None, rule: None });
        next
    }

    /// The place of the root.
    pub(crate) fn root(&self) -> Cursor<'_, T> {
        Cursor { patterns: self, at: Some(0) }
    }

    /// The place of a path below the root.
    pub(crate) fn at(&self, path: &[&str]) -> Cursor<'_, T> {
        path.iter().fold(self.root(), |cursor, key| cursor.child(key))
    }
}

/// A place in the table that goes along with a place in a tree.
#[derive(Debug)]
pub(crate) struct Cursor<'p, T> {
    patterns: &'p Patterns<T>,
    at: Option<usize>,
}

impl<T> Clone for Cursor<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Cursor<'_, T> {}

impl<T: Copy> Cursor<'_, T> {
    /// The place below a key.
    pub(crate) fn child(self, key: &str) -> Self {
        let next = self
            .step()
            .and_then(|step| step.named.iter().find(|(name, _)| *name == key).map(|&(_, next)| next).or(step.any));
        Self { at: next, ..self }
    }

    /// The place below a list item.
    pub(crate) fn item(self) -> Self {
        Self { at: self.step().and_then(|step| step.any), ..self }
    }

    /// The rule for this very place.
    pub(crate) fn rule(self) -> Option<T> {
        self.step().and_then(|step| step.rule)
    }

    /// Whether no pattern leads to this place or below it.
    pub(crate) fn is_out(self) -> bool {
        self.at.is_none()
    }

    fn step(&self) -> Option<&Step<T>> {
        self.patterns.steps.get(self.at?)
    }
}

/// Where a walk is, for messages: `services.web.ports`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trail<'a> {
    Root,
    Key(&'a Trail<'a>, &'a str),
    Item(&'a Trail<'a>, usize),
}

impl std::fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_before_stars() {
        let patterns =
            Patterns::new(&[("services.*.build", 1), ("services.*.build.args", 2), ("networks.*.labels", 3)]);
        assert_eq!(patterns.at(&["services", "a", "build"]).rule(), Some(1));
        assert_eq!(patterns.at(&["services", "build", "build", "args"]).rule(), Some(2));
        assert_eq!(patterns.at(&["services", "a"]).rule(), None);
        assert!(!patterns.at(&["services", "a"]).is_out());
        assert!(patterns.at(&["volumes"]).is_out());
        assert_eq!(patterns.at(&["networks"]).item().child("labels").rule(), Some(3));
    }

    #[test]
    fn trails_read_as_paths() {
        let services = Trail::Key(&Trail::Root, "services");
        let service = Trail::Key(&services, "a.b");
        assert_eq!(Trail::Item(&Trail::Key(&service, "ports"), 0).to_string(), "services.a.b.ports[0]");
    }
}
