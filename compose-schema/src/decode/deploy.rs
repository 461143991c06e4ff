//! `deploy`.

use super::reader::Fields;
use crate::codes::schema::BAD_VALUE;
use crate::model::{
    Deploy, DeviceRequest, GenericResource, GenericResourceSpec, Placement, PlacementPreference, Resource, Resources,
    RestartPolicy, UpdateConfig,
};
use crate::yaml::Value;

pub(super) fn decode(f: &Fields<'_>) -> Deploy {
    Deploy {
        mode: f.text("mode"),
        replicas: f.integer("replicas"),
        labels: f.map("labels"),
        update_config: f.object("update_config", update),
        rollback_config: f.object("rollback_config", update),
        resources: f
            .object("resources", |f| Resources {
                limits: f.object("limits", resource),
                reservations: f.object("reservations", resource),
                extensions: f.extensions(),
            })
            .unwrap_or_default(),
        restart_policy: f.object("restart_policy", |f| RestartPolicy {
            condition: f.text("condition"),
            delay: f.duration("delay"),
            max_attempts: f.integer("max_attempts"),
            window: f.duration("window"),
            extensions: f.extensions(),
        }),
        placement: f.object("placement", placement).unwrap_or_default(),
        endpoint_mode: f.text("endpoint_mode"),
        extensions: f.extensions(),
    }
}

fn update(f: &Fields<'_>) -> UpdateConfig {
    UpdateConfig {
        parallelism: f.integer("parallelism"),
        delay: f.duration("delay").unwrap_or_default(),
        failure_action: f.text("failure_action"),
        monitor: f.duration("monitor").unwrap_or_default(),
        max_failure_ratio: f.float("max_failure_ratio"),
        order: f.text("order"),
        extensions: f.extensions(),
    }
}

fn resource(f: &Fields<'_>) -> Resource {
    Resource {
        cpus: f.float("cpus"),
        memory: f.bytes("memory"),
        pids: f.integer_or_text("pids").unwrap_or_default(),
        devices: f.list("devices", device_request),
        generic_resources: f.list("generic_resources", |f| GenericResource {
            discrete_resource_spec: f.object("discrete_resource_spec", |f| GenericResourceSpec {
                kind: f.text("kind"),
                value: f.integer_or_text("value").unwrap_or_default(),
                extensions: f.extensions(),
            }),
            extensions: f.extensions(),
        }),
        extensions: f.extensions(),
    }
}

fn placement(f: &Fields<'_>) -> Placement {
    Placement {
        constraints: f.texts("constraints"),
        preferences: f
            .list("preferences", |f| PlacementPreference { spread: f.text("spread"), extensions: f.extensions() }),
        max_replicas_per_node: f.integer("max_replicas_per_node").unwrap_or_default(),
        extensions: f.extensions(),
    }
}

/// One request for devices, of `gpus` or of reservations.
pub(super) fn device_request(f: &Fields<'_>) -> DeviceRequest {
    let count = match f.get("count") {
        None => 0,
        Some(node) => match &node.value {
            Value::Int(count) => i64::try_from(*count).unwrap_or_else(|_| {
                f.refuse(BAD_VALUE, "count", node, "is too large");
                0
            }),
            Value::String(text) if text.eq_ignore_ascii_case("all") => -1,
            Value::String(text) => text.parse().unwrap_or_else(|_| {
                f.refuse(BAD_VALUE, "count", node, &format!("must be `all` or a number, not `{text}`"));
                0
            }),
            value => {
                f.refuse(BAD_VALUE, "count", node, &format!("must be `all` or a number, not {}", value.kind()));
                0
            }
        },
    };
    DeviceRequest {
        capabilities: f.texts("capabilities"),
        driver: f.text("driver"),
        count,
        device_ids: f.texts("device_ids"),
        options: f.map("options"),
    }
}
