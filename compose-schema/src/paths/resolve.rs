//! Paths inside a compose file become paths from another folder.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::{expand_home, join};
use crate::pattern::{Cursor, Patterns};
use crate::yaml::{Node, Value};

/// How the path at a place is treated.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// A local path, or several.
    Local,
    /// A path that may be a Windows path.
    MaybeWindows,
    /// A build context: a path, a URL or another service.
    Context,
    /// A watched path, of which symbolic links are followed.
    Watched,
    /// A mount whose source is a path.
    Mount,
    /// A volume that may stand for a folder of the host.
    Volume,
}

static RULES: LazyLock<Patterns<Rule>> = LazyLock::new(|| {
    Patterns::new(&[
        ("services.*.build.context", Rule::Context),
        ("services.*.build.additional_contexts.*", Rule::Context),
        ("services.*.build.ssh.*", Rule::MaybeWindows),
        ("services.*.env_file.*.path", Rule::Local),
        ("services.*.label_file.*", Rule::Local),
        ("services.*.extends.file", Rule::Local),
        ("services.*.develop.watch.*.path", Rule::Watched),
        ("services.*.volumes.*", Rule::Mount),
        ("configs.*.file", Rule::MaybeWindows),
        ("secrets.*.file", Rule::MaybeWindows),
        ("volumes.*", Rule::Volume),
    ])
});

/// Where relative paths start, and the home folder.
#[derive(Debug, Clone, Copy)]
struct Start<'a> {
    base: &'a Path,
    home: Option<&'a str>,
}

/// Rewrites the relative paths of a canonical tree so that they start from `base`, and `~` so that it means `home`.
pub(crate) fn resolve(root: &mut Node, base: &Path, home: Option<&str>) {
    walk(root, RULES.root(), Start { base, home });
}

fn walk(node: &mut Node, cursor: Cursor<'_, Rule>, start: Start<'_>) {
    if cursor.is_out() {
        return;
    }
    if let Some(rule) = cursor.rule() {
        start.apply(rule, node);
        return;
    }
    match &mut node.value {
        Value::Mapping(entries) => {
            for (key, entry) in entries.iter_mut() {
                walk(&mut entry.node, cursor.child(key), start);
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(|item| walk(item, cursor.item(), start)),
        _ => {}
    }
}

impl Start<'_> {
    fn apply(self, rule: Rule, node: &mut Node) {
        match rule {
            Rule::Local => self.text(node, |path| self.local(path)),
            Rule::MaybeWindows => self.text(node, |path| self.maybe_windows(path)),
            Rule::Context => self.text(node, |path| if is_remote_context(path) { None } else { self.local(path) }),
            Rule::Watched => self.text(node, |path| {
                let path = self.local(path).unwrap_or_else(|| path.to_owned());
                Some(follow_link(Path::new(&path)).map_or(path, |followed| followed.to_string_lossy().into_owned()))
            }),
            Rule::Mount if node.get("type").and_then(Node::as_str) == Some("bind") => {
                if let Some(source) = node.get_mut("source") {
                    self.text(source, |path| self.maybe_windows(path));
                }
            }
            Rule::Volume if node.get("driver").and_then(Node::as_str) == Some("local") => {
                let Some(options) = node.get_mut("driver_opts") else { return };
                if options.get("o").and_then(Node::as_str) == Some("bind")
                    && let Some(device) = options.get_mut("device")
                {
                    self.text(device, |path| self.maybe_windows(path));
                }
            }
            Rule::Mount | Rule::Volume => {}
        }
    }

    /// Rewrites a text, or each text of a list.
    fn text(self, node: &mut Node, change: impl Fn(&str) -> Option<String> + Copy) {
        match &mut node.value {
            Value::String(text) => {
                if let Some(changed) = change(text) {
                    *text = changed;
                }
            }
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.text(item, change)),
            _ => {}
        }
    }

    fn local(self, path: &str) -> Option<String> {
        let path = expand_home(path, self.home);
        (!path.is_empty()).then(|| {
            if path.starts_with('/') { path } else { join(self.base, Path::new(&path)).to_string_lossy().into_owned() }
        })
    }

    fn maybe_windows(self, path: &str) -> Option<String> {
        let path = expand_home(path, self.home);
        if path.starts_with('/') || is_windows_absolute(&path) {
            return Some(path);
        }
        Some(join(self.base, Path::new(&path)).to_string_lossy().into_owned())
    }
}

fn is_remote_context(path: &str) -> bool {
    path.contains("://")
        || ["service:", "https://", "http://", "git://", "ssh://", "github.com/", "git@"]
            .iter()
            .any(|prefix| path.starts_with(prefix))
}

/// `C:\x`, `C:/x` or `\\host\share`.
fn is_windows_absolute(path: &str) -> bool {
    match path.as_bytes() {
        [drive, b':', b'\\' | b'/', ..] => drive.is_ascii_alphabetic(),
        [b'\\', b'\\', ..] => true,
        _ => false,
    }
}

/// The path with its first symbolic link followed to the end; nothing where there is none.
fn follow_link(path: &Path) -> Option<PathBuf> {
    let mut link = PathBuf::new();
    for component in path.components() {
        link.push(component);
        if link.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_symlink()) {
            let target = link.canonicalize().ok()?;
            return Some(join(&target, path.strip_prefix(&link).ok()?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::source::SourceId;
    use crate::yaml::documents;

    fn resolved(text: &str, path: &[&str]) -> String {
        let mut root = documents(SourceId(0), text).unwrap().pop().unwrap();
        resolve(&mut root, Path::new("/p"), Some("/root"));
        root.at(path).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn each_kind_of_path_has_its_rule() {
        let context = |value: &str| {
            resolved(
                &format!("services: {{a: {{build: {{context: \"{value}\"}}}}}}"),
                &["services", "a", "build", "context"],
            )
        };
        assert_eq!(context("./a//b/"), "/p/a/b");
        assert_eq!(context("~/x"), "/root/x");
        assert_eq!(context("https://example.com/x.git"), "https://example.com/x.git");
        assert_eq!(context("docker-image://alpine"), "docker-image://alpine");
        let mount = |kind: &str, source: &str| {
            let text = format!("services: {{a: {{volumes: [{{type: {kind}, source: '{source}'}}]}}}}");
            resolved(&text, &["services", "a", "volumes", "0", "source"])
        };
        assert_eq!(mount("bind", "../x"), "/x");
        assert_eq!(mount("bind", r"C:\data"), r"C:\data");
        assert_eq!(mount("volume", "data"), "data");
        let device = |driver: &str| {
            let text = format!("volumes: {{v: {{{driver}driver_opts: {{o: bind, device: ./d}}}}}}");
            resolved(&text, &["volumes", "v", "driver_opts", "device"])
        };
        assert_eq!(device("driver: local, "), "/p/d");
        assert_eq!(device(""), "./d");
    }
}
