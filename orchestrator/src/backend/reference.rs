//! Names of images (the grammar of the distribution project's `reference` package).

use std::fmt;

/// Where images come from whose name says nothing about that.
const DOCKER_HUB: &str = "docker.io";
/// Most characters of a tag, and fewest of a digest's value.
const TAG: usize = 128;
const DIGEST: usize = 32;

/// An image's full name: registry, repository, and tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    /// `:latest`, or `@sha256:...`, which leaves no doubt, so that a tag beside it counts for nothing.
    version: String,
}

impl Reference {
    /// A name as users write it: `nginx`, `ghcr.io/me/app:1`; none where it is no name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) => (name, Some(digest).filter(|digest| is_digest(digest))?),
            None => (name, ""),
        };
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag).filter(|tag| is_tag(tag))?),
            _ => (name, "latest"),
        };
        let is_registry = |part: &str| part.contains(['.', ':']) || part == "localhost" || part != part.to_lowercase();
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first, rest),
            _ => (DOCKER_HUB, name),
        };
        let registry = if registry == "index.docker.io" { DOCKER_HUB } else { registry };
        let official = registry == DOCKER_HUB && !path.contains('/');
        let repository = if official { format!("library/{path}") } else { path.to_owned() };
        let version = if digest.is_empty() { format!(":{tag}") } else { format!("@{digest}") };
        let fits = repository.split('/').all(is_part) && is_host(registry);
        fits.then(|| Self { registry: registry.to_owned(), repository, version })
    }

    /// Whether it is the name of the newest one, whichever that is.
    #[must_use]
    pub fn is_latest(&self) -> bool {
        self.version == ":latest"
    }

    /// The name as people write it, without the version: `nginx` for `docker.io/library/nginx:1`.
    #[must_use]
    pub fn familiar(&self) -> String {
        if self.registry != DOCKER_HUB {
            return format!("{}/{}", self.registry, self.repository);
        }
        self.repository.strip_prefix("library/").unwrap_or(&self.repository).to_owned()
    }

    /// Its tag; none for one that is named by its digest.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.version.strip_prefix(':')
    }

    /// Whether it is the name of one image for ever.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.version.starts_with('@')
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.registry, self.repository, self.version)
    }
}

/// Lower-case letters and digits with single separators between them (`.`, `_`, `__`, any number of `-`).
fn is_part(part: &str) -> bool {
    let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let mut separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    outer(part.bytes().next()) && outer(part.bytes().last()) && separators.all(fits)
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, value)| {
        algorithm.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+._-".contains(&byte))
            && value.len() >= DIGEST
            && value.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_whole() {
        let digest = format!("@sha256:{}", "ab".repeat(32));
        for (written, whole) in [
            ("nginx", "docker.io/library/nginx:latest".to_owned()),
            ("nginx:1.27-alpine", "docker.io/library/nginx:1.27-alpine".to_owned()),
            ("me/app", "docker.io/me/app:latest".to_owned()),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest".to_owned()),
            ("localhost/a__b/c-d", "localhost/a__b/c-d:latest".to_owned()),
            ("r:5000/a/b", "r:5000/a/b:latest".to_owned()),
            ("r:5000/a/b:2", "r:5000/a/b:2".to_owned()),
            ("Host/app", "Host/app:latest".to_owned()),
            (&format!("nginx:1{digest}"), format!("docker.io/library/nginx{digest}")),
        ] {
            assert_eq!(Reference::parse(written).map(|name| name.to_string()), Some(whole), "{written}");
        }
        let parts = |name: &str| {
            Reference::parse(name).map(|name| (name.familiar(), name.tag().map(str::to_owned), name.is_latest()))
        };
        let tagged = |name: &str, tag: &str, latest| Some((name.to_owned(), Some(tag.to_owned()), latest));
        assert_eq!(parts("docker.io/library/nginx"), tagged("nginx", "latest", true));
        assert_eq!(parts("docker.io/me/app:1"), tagged("me/app", "1", false));
        assert_eq!(parts("r:5000/a/b"), tagged("r:5000/a/b", "latest", true));
        assert_eq!(parts(&format!("nginx:1{digest}")), Some(("nginx".to_owned(), None, false)));
        let pinned = |name: &str| Reference::parse(name).map(|name| name.is_pinned());
        assert_eq!((pinned("nginx"), pinned(&format!("nginx{digest}"))), (Some(false), Some(true)));
    }

    #[test]
    fn what_is_no_name_is_none() {
        let long = format!("a:{}", "x".repeat(129));
        for written in
            ["", ":1", "a:", "A", "a//b", "a/", "-a", "a-", "a..b", "a b", "$X", "a:$X", "a@sha256:12", "a@x", &long]
        {
            assert_eq!(Reference::parse(written), None, "{written}");
        }
    }
}
