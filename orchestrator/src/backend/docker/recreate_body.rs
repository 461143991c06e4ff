//! Making a container again: what an inspection says becomes what a creation asks for.

use bollard::models::NetworkingConfig;
use serde_json::{Map, Value, json};

use super::create::mode;
use crate::backend::ContainerSpec;

/// Digits of an id in the host name that the engine gives.
const SHORT_ID: usize = 12;

/// What a creation would have to ask for to make the inspected container again; null where that cannot be told.
pub(super) fn body(inspected: &Value) -> Value {
    let (Some(Value::Object(config)), Some(host)) = (inspected.get("Config"), inspected.get("HostConfig")) else {
        return Value::Null;
    };
    let mut body = config.clone();
    for other in ["Image", "Labels"] {
        body.remove(other);
    }
    let id = inspected.get("Id").and_then(Value::as_str).unwrap_or_default();
    if body.get("Hostname").and_then(Value::as_str) == id.get(..SHORT_ID) {
        body.remove("Hostname");
    }
    let mut host = host.clone();
    if let Some(host) = host.as_object_mut() {
        host.remove("NetworkMode");
        host.remove("ContainerIDFile");
    }
    body.insert("HostConfig".to_owned(), host);
    without_nothing(Value::Object(body))
}

/// Fields that say nothing are as good as fields that are not there.
fn without_nothing(value: Value) -> Value {
    let nothing = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    match value {
        Value::Object(fields) => {
            // What is named by its keys (`ExposedPorts`, `Volumes`, `Tmpfs`) has empty values.
            let named = fields.keys().any(|key| key.contains(['/', '.']));
            let kept = fields.into_iter().map(|(key, value)| (key, without_nothing(value)));
            Value::Object(kept.filter(|(_, value)| named || !nothing(value)).collect())
        }
        other => other,
    }
}

/// The body of `POST /containers/create` for a container that was there before.
///
/// # Errors
/// A body that is not one.
pub(super) fn create(
    spec: &ContainerSpec,
    mut body: Value,
    networking: Option<NetworkingConfig>,
) -> Result<Value, String> {
    let broken = || format!("the version before of container `{}` cannot be read", spec.name);
    let fields = body.as_object_mut().ok_or_else(broken)?;
    fields.insert("Image".to_owned(), json!(spec.image));
    fields.insert("Labels".to_owned(), json!(spec.labels));
    if let Some(networking) = networking {
        fields.insert("NetworkingConfig".to_owned(), json!(networking));
    }
    let host = fields.entry("HostConfig").or_insert_with(|| Value::Object(Map::new()));
    let host = host.as_object_mut().ok_or_else(broken)?;
    host.insert("NetworkMode".to_owned(), json!(mode(spec)));
    let handed_over: Vec<Value> = spec
        .mounts
        .iter()
        .filter(|mount| !is_mounted(host, &mount.target))
        .map(|mount| {
            json!({"Type": mount.kind, "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only})
        })
        .collect();
    if !handed_over.is_empty() {
        let all = host.entry("Mounts").or_insert_with(|| Value::Array(Vec::new()));
        all.as_array_mut().ok_or_else(broken)?.extend(handed_over);
    }
    Ok(body)
}

/// Whether something is mounted at a path already.
fn is_mounted(host: &Map<String, Value>, target: &str) -> bool {
    let all = |name: &str| host.get(name).and_then(Value::as_array).into_iter().flatten();
    let bound = all("Binds").filter_map(Value::as_str).any(|bind| bind.split(':').nth(1) == Some(target));
    bound || all("Mounts").any(|mount| mount.get("Target").and_then(Value::as_str) == Some(target))
}

#[cfg(test)]
mod tests {
    use compose_schema::model::Mount;

    use super::*;
    use crate::backend::{Attachment, Labels};

    #[test]
    fn what_is_inspected_is_asked_for_again() -> Result<(), String> {
        let inspected = json!({
            "Id": "0123456789abcdef",
            "Config": {
                "Hostname": "0123456789ab", "Image": "app:1", "Labels": {"a": "b"}, "Env": ["A=1"], "Cmd": null,
                "ExposedPorts": {"80/tcp": {}}, "Tty": false, "User": "",
            },
            "HostConfig": {
                "NetworkMode": "x_default", "Binds": ["data:/data:rw"], "Memory": 7, "Dns": [], "Init": false,
            },
        });
        let body = body(&inspected);
        assert_eq!(
            body,
            json!({
                "Env": ["A=1"], "ExposedPorts": {"80/tcp": {}}, "Tty": false,
                "HostConfig": {"Binds": ["data:/data:rw"], "Memory": 7, "Init": false},
            })
        );
        let volume = |source: &str, target: &str| Mount {
            kind: "volume".to_owned(),
            source: source.to_owned(),
            target: target.to_owned(),
            ..Mount::default()
        };
        let spec = ContainerSpec {
            name: "x-app-1".to_owned(),
            image: "sha256:1".to_owned(),
            labels: Labels::from([("c".to_owned(), "d".to_owned())]),
            networks: vec![Attachment { network: "x_default".to_owned(), ..Attachment::default() }],
            mounts: vec![volume("5f", "/data"), volume("6f", "/cache")],
            ..ContainerSpec::default()
        };
        let again = create(&spec, body, None)?;
        assert_eq!(again.get("Image"), Some(&json!("sha256:1")));
        assert_eq!(again.get("Labels"), Some(&json!({"c": "d"})));
        assert_eq!(again.pointer("/HostConfig/NetworkMode"), Some(&json!("x_default")));
        assert_eq!(
            again.pointer("/HostConfig/Mounts"),
            Some(&json!([{"Type": "volume", "Source": "6f", "Target": "/cache", "ReadOnly": false}]))
        );
        assert!(create(&spec, json!(7), None).is_err());
        Ok(())
    }
}
