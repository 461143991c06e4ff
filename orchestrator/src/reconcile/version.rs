//! Versions of a container: what is needed to make one again that has been replaced.
//!
//! The version that a container took the place of stands in one of its labels, since labels on the engine's objects are the
//! only state. Its image is kept by a name of its own, so that pruning does not take it away.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backend::{Container, ContainerDetail, Labels};
use crate::labels;

/// No container is described in more.
const LARGEST: u64 = 4 << 20;

/// A container as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Its image, as it was named.
    pub image: String,
    /// The id of that image.
    pub image_id: String,
    /// Its labels.
    pub labels: Labels,
    /// Everything else, as the engine has to be asked for it.
    pub body: Value,
}

impl Version {
    /// The version that a container is; none where the engine did not tell enough.
    #[must_use]
    pub fn of(container: &ContainerDetail) -> Option<Self> {
        if container.body.is_null() || container.summary.image_id.is_empty() {
            return None;
        }
        let mut labels = container.summary.labels.clone();
        for passing in [labels::PREVIOUS, labels::REPLACE] {
            labels.remove(passing);
        }
        Some(Self {
            image: container.summary.image.clone(),
            image_id: container.summary.image_id.clone(),
            labels,
            body: container.body.clone(),
        })
    }

    /// The version that a container took the place of, if it did and its label can be read.
    #[must_use]
    pub fn before(container: &Container) -> Option<Self> {
        Self::in_labels(&container.labels)
    }

    /// The same of a container with these labels.
    #[must_use]
    pub fn in_labels(labels: &Labels) -> Option<Self> {
        let packed = STANDARD_NO_PAD.decode(labels.get(labels::PREVIOUS)?).ok()?;
        let mut text = Vec::new();
        ZlibDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut text).ok()?;
        let version: Self = serde_json::from_slice(&text).ok()?;
        // An image that was made of a container brings that one's labels into containers of others.
        let own = |name: &str| version.labels.get(name) == labels.get(name);
        (own(labels::PROJECT) && own(labels::SERVICE)).then_some(version)
    }

    /// It as the value of a label.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        let text = serde_json::to_vec(self).ok()?;
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&text).ok()?;
        Some(STANDARD_NO_PAD.encode(packer.finish().ok()?))
    }
}

/// The name that keeps the image of a service's version before.
#[must_use]
pub fn kept_image(project: &str, service: &str) -> String {
    format!("stack-previous/{project}:{service}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_survives_its_label() {
        let mut detail = ContainerDetail { body: json!({"Env": ["A=1"]}), ..ContainerDetail::default() };
        detail.summary.image = "app:1".to_owned();
        detail.summary.image_id = "sha256:1".to_owned();
        detail.summary.labels = Labels::from([
            (labels::SERVICE.to_owned(), "app".to_owned()),
            (labels::PREVIOUS.to_owned(), "what was before that".to_owned()),
        ]);
        let version = Version::of(&detail);
        assert!(version.as_ref().is_some_and(|version| !version.labels.contains_key(labels::PREVIOUS)));
        let label = version.as_ref().and_then(Version::label).unwrap_or_default();
        let container = |service: &str, label: &str| Container {
            labels: [(labels::SERVICE, service), (labels::PREVIOUS, label)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Container::default()
        };
        assert_eq!(Version::before(&container("app", &label)), version);
        assert_eq!(Version::before(&container("other", &label)), None, "it came with an image");
        assert_eq!(Version::before(&container("app", "x")), None);
        assert_eq!(Version::before(&Container::default()), None);
    }
}
