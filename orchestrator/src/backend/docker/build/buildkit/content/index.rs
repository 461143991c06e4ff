//! `index.json`: what is in a folder of the OCI's layout.

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::cache::NAME;

const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// What is listed in a folder; nothing where there is no list yet. One that cannot be read is left as it is: other caches are in
/// it.
pub(super) async fn read(folder: &Path) -> io::Result<Value> {
    let path = folder.join("index.json");
    let text = match tokio::fs::read(&path).await {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Value::Null),
        Err(error) => return Err(error),
    };
    parse(&text).map_err(|why| {
        io::Error::other(format!("its index.json cannot be read ({why}): remove it, or name another folder"))
    })
}

/// Lists a part, described as JSON, under a tag; what had the tag before loses it.
pub(super) async fn put(folder: &Path, tag: &str, manifest: &str) -> io::Result<()> {
    let index = with(&read(folder).await?, tag, serde_json::from_str(manifest)?);
    tokio::fs::write(folder.join("oci-layout"), LAYOUT).await?;
    // Whoever reads meanwhile finds the one or the other.
    let new = folder.join("index.json.new");
    tokio::fs::write(&new, index.to_string()).await?;
    tokio::fs::rename(&new, folder.join("index.json")).await
}

fn parse(text: &[u8]) -> Result<Value, String> {
    let index: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let listed = index.get("manifests").is_some_and(Value::is_array);
    if listed { Ok(index) } else { Err("it has no list `manifests`".to_owned()) }
}

fn with(index: &Value, tag: &str, mut manifest: Map<String, Value>) -> Value {
    let annotations = manifest.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(NAME.to_owned(), json!(tag));
    }
    let listed = index.get("manifests").and_then(Value::as_array).into_iter().flatten();
    let others =
        listed.filter(|other| other.pointer("/annotations").and_then(|all| all.get(NAME)) != Some(&json!(tag)));
    let manifests: Vec<Value> = others.cloned().chain([Value::Object(manifest)]).collect();
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_list_that_cannot_be_read_is_left_alone() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("index.json");
        for (text, why) in [("{\"manifests\": [", "EOF"), ("{}", "no list `manifests`"), ("[]", "no list `manifests`")]
        {
            tokio::fs::write(&path, text).await?;
            let said = put(folder.path(), "latest", "{}").await.map_err(|error| error.to_string());
            let named = |said: &String| said.contains("its index.json cannot be read") && said.contains(why);
            assert!(said.as_ref().is_err_and(named), "{said:?}");
            assert_eq!(tokio::fs::read_to_string(&path).await?, text);
        }
        Ok(())
    }

    #[test]
    fn a_tag_is_one_parts() {
        let part = |digest: &str| Map::from_iter([("digest".to_owned(), json!(digest))]);
        let tags = |index: &Value| {
            let all = index.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default();
            let text = |part: &Value, name: &str| part.pointer(name).and_then(Value::as_str).map(str::to_owned);
            let name = format!("/annotations/{NAME}");
            all.iter().map(|part| text(part, &name).zip(text(part, "/digest"))).collect::<Vec<_>>()
        };
        let pair = |tag: &str, digest: &str| Some((tag.to_owned(), digest.to_owned()));
        let first = with(&Value::Null, "latest", part("a"));
        let second = with(&first, "other", part("b"));
        assert_eq!(tags(&second), [pair("latest", "a"), pair("other", "b")]);
        assert_eq!(tags(&with(&second, "latest", part("c"))), [pair("other", "b"), pair("latest", "c")]);
    }
}
