//! Whether an engine can run an image.

use std::collections::BTreeSet;

/// The architecture in `linux/arm64/v8`.
fn architecture(platform: &str) -> &str {
    platform.split('/').nth(1).unwrap_or_default()
}

/// Whether the image runs neither natively nor by emulation, as far as both platforms are known.
pub(super) fn is_foreign(image: &str, engine: &str, emulated: &BTreeSet<String>) -> bool {
    let (image, engine) = (architecture(image), architecture(engine));
    let native = image == engine || matches!((image, engine), ("386", "amd64") | ("arm", "arm64"));
    !(image.is_empty() || engine.is_empty() || native || emulated.contains(image))
}

#[cfg(test)]
mod tests {
    use super::is_foreign;
    use std::collections::BTreeSet;

    #[test]
    fn architectures() {
        let none = BTreeSet::new();
        assert!(is_foreign("linux/arm64", "linux/amd64", &none));
        assert!(!is_foreign("linux/arm64/v8", "linux/arm64", &none));
        assert!(!is_foreign("linux/386", "linux/amd64", &none));
        assert!(!is_foreign("", "linux/amd64", &none));
        assert!(!is_foreign("linux/arm64", "linux/amd64", &BTreeSet::from(["arm64".to_owned()])));
    }
}
