//! A container as the Engine API describes it: a pure translation, attribute by attribute.
//!
//! What an engine of this API version cannot take is refused or warned about by name, never left out in silence.

mod mounts;
mod network;
mod resources;
mod security;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigIsolationEnum,
    HostConfigLogConfig, RestartPolicy, RestartPolicyNameEnum,
};
use compose_schema::model::{Healthcheck, Service};
use serde_json::Value;

pub(super) use network::{endpoint, mode};

use super::recreate_body;
use crate::backend::{Attachment, ContainerSpec, ErrorKind};

/// Why a container cannot be made on this engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TranslateError {
    /// The value makes no sense.
    Invalid(String),
    /// The engine is too old, or not of that kind.
    Unsupported(String),
}

type Outcome<T> = Result<T, TranslateError>;

/// What the engine is told.
#[derive(Debug)]
pub(super) struct Translated {
    /// Body of `POST /containers/create`.
    pub body: Value,
    /// Networks that have to be joined by calls of their own.
    pub later: Vec<Attachment>,
    /// What was left out, by name.
    pub warnings: Vec<String>,
}

/// The engine's API version, and a place for warnings.
struct Translator {
    api: (u32, u32),
    warnings: Vec<String>,
}

impl Translator {
    /// Whether the engine knows what came with an API version; else the attribute is refused by name.
    fn need(&self, api: (u32, u32), engine: &str, attribute: &str) -> Outcome<()> {
        if self.api >= api {
            return Ok(());
        }
        let (has, needs) = (self.api, api);
        Err(TranslateError::Unsupported(format!(
            "`{attribute}` needs Docker {engine} (API {}.{}); this engine has API {}.{}",
            needs.0, needs.1, has.0, has.1
        )))
    }

    /// The same, where the container works without: `None` with a warning.
    fn if_known<T>(&mut self, value: Option<T>, api: (u32, u32), engine: &str, attribute: &str) -> Option<T> {
        let value = value?;
        match self.need(api, engine, attribute) {
            Ok(()) => Some(value),
            Err(TranslateError::Unsupported(message) | TranslateError::Invalid(message)) => {
                self.warn(format!("{message}; it has no effect"));
                None
            }
        }
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(message.into());
    }
}

/// Nothing instead of an empty text.
fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// Nothing instead of an empty list.
fn list<T: Clone>(values: &[T]) -> Option<Vec<T>> {
    (!values.is_empty()).then(|| values.to_vec())
}

/// Nothing instead of zero.
fn number(value: i64) -> Option<i64> {
    (value != 0).then_some(value)
}

/// Nothing instead of `false`.
fn flag(value: bool) -> Option<bool> {
    value.then_some(true)
}

fn map<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Option<HashMap<String, String>> {
    let map: HashMap<String, String> = pairs.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    (!map.is_empty()).then_some(map)
}

/// Translates a container.
///
/// # Errors
/// See [`TranslateError`].
pub(super) fn translate(spec: &ContainerSpec, api: (u32, u32)) -> Outcome<Translated> {
    let mut translator = Translator { api, warnings: Vec::new() };
    let service = &spec.service;
    let (networking, later) = network::networking(&mut translator, spec)?;
    if let Some(body) = &spec.body {
        let body = recreate_body::create(spec, (**body).clone(), networking).map_err(TranslateError::Invalid)?;
        return Ok(Translated { body, later, warnings: translator.warnings });
    }
    translator.warn_of_foreign_attributes(service);
    let mut host = host_config(&mut translator, spec)?;
    let (exposed, bindings) = network::ports(service)?;
    host.port_bindings = bindings;
    let body = ContainerCreateBody {
        hostname: text(&service.hostname),
        domainname: text(&service.domainname),
        user: text(&service.user),
        attach_stdin: flag(spec.open_stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        exposed_ports: exposed,
        tty: flag(service.tty),
        open_stdin: flag(service.stdin_open || spec.open_stdin),
        stdin_once: flag(spec.open_stdin),
        env: list(&spec.environment),
        cmd: service.command.clone(),
        healthcheck: service.healthcheck.as_ref().map(|check| health(&mut translator, check)),
        image: Some(spec.image.clone()),
        working_dir: text(&service.working_dir),
        entrypoint: service.entrypoint.clone(),
        labels: map(&spec.labels),
        stop_signal: text(&service.stop_signal),
        stop_timeout: service.stop_grace_period.map(|grace| i64::try_from(grace.std().as_secs()).unwrap_or(i64::MAX)),
        host_config: Some(host),
        networking_config: networking,
        ..ContainerCreateBody::default()
    };
    let mut body = serde_json::to_value(body).map_err(|error| TranslateError::Invalid(error.to_string()))?;
    // Engines before API 1.44 take the hardware address of the container, later ones of each endpoint.
    if let (Some(fields), Some(address)) = (body.as_object_mut(), network::container_mac_address(&translator, spec)) {
        fields.insert("MacAddress".to_owned(), Value::String(address));
    }
    Ok(Translated { body, later, warnings: translator.warnings })
}

impl Translator {
    /// Attributes that mean something to other programs than the engine.
    fn warn_of_foreign_attributes(&mut self, service: &Service) {
        let Some(deploy) = &service.deploy else { return };
        let placement = &deploy.placement;
        let swarm = [
            ("deploy.mode", !matches!(deploy.mode.as_str(), "" | "replicated")),
            ("deploy.endpoint_mode", !deploy.endpoint_mode.is_empty()),
            ("deploy.placement.constraints", !placement.constraints.is_empty()),
            ("deploy.placement.preferences", !placement.preferences.is_empty()),
            ("deploy.placement.max_replicas_per_node", placement.max_replicas_per_node != 0),
        ];
        for (name, given) in swarm {
            if given {
                self.warn(format!("`{name}` is for Swarm; it has no effect on a single engine"));
            }
        }
    }
}

fn health(translator: &mut Translator, check: &Healthcheck) -> HealthConfig {
    if check.disable {
        return HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() };
    }
    let start_interval =
        translator.if_known(check.start_interval, (1, 44), "25.0", "healthcheck.start_interval").map(|length| length.0);
    HealthConfig {
        test: list(&check.test),
        interval: check.interval.map(|length| length.0),
        timeout: check.timeout.map(|length| length.0),
        retries: check.retries.map(|retries| i64::try_from(retries).unwrap_or(i64::MAX)),
        start_period: check.start_period.map(|length| length.0),
        start_interval,
    }
}

fn host_config(translator: &mut Translator, spec: &ContainerSpec) -> Outcome<HostConfig> {
    let service = &spec.service;
    let mut host = HostConfig {
        auto_remove: flag(spec.auto_remove),
        annotations: translator.if_known(map(&service.annotations), (1, 43), "24.0", "annotations"),
        cap_add: list(&security::capabilities(&service.cap_add)),
        cap_drop: list(&security::capabilities(&service.cap_drop)),
        cgroupns_mode: cgroup_namespace(&service.cgroup)?,
        dns: list(&service.dns),
        dns_options: list(&service.dns_opt),
        dns_search: list(&service.dns_search),
        extra_hosts: extra_hosts(service),
        group_add: list(&service.group_add),
        init: service.init,
        ipc_mode: text(&service.ipc),
        isolation: isolation(&service.isolation)?,
        links: list(&network::links(service)),
        log_config: service
            .logging
            .as_ref()
            .map(|logging| HostConfigLogConfig { typ: text(&logging.driver), config: map(&logging.options) }),
        network_mode: Some(mode(spec)),
        oom_score_adj: number(service.oom_score_adj),
        pid_mode: text(&service.pid),
        privileged: flag(service.privileged),
        readonly_rootfs: flag(service.read_only),
        restart_policy: restart_policy(translator, service)?,
        runtime: text(&service.runtime),
        shm_size: number(service.shm_size.0),
        storage_opt: map(&service.storage_opt),
        sysctls: map(&service.sysctls),
        userns_mode: text(&service.userns_mode),
        uts_mode: text(&service.uts),
        volume_driver: text(&service.volume_driver),
        volumes_from: volumes_from(service),
        ..HostConfig::default()
    };
    resources::apply(translator, service, &mut host)?;
    security::apply(translator, service, &mut host)?;
    mounts::apply(translator, spec, &mut host)?;
    Ok(host)
}

/// `container:` is the file's way of saying that no service is meant; the engine takes names only.
fn volumes_from(service: &Service) -> Option<Vec<String>> {
    let names: Vec<String> =
        service.volumes_from.iter().map(|from| from.strip_prefix("container:").unwrap_or(from).to_owned()).collect();
    (!names.is_empty()).then_some(names)
}

fn extra_hosts(service: &Service) -> Option<Vec<String>> {
    let hosts = service.extra_hosts.iter();
    let lines: Vec<String> =
        hosts.flat_map(|(host, addresses)| addresses.iter().map(move |address| format!("{host}:{address}"))).collect();
    (!lines.is_empty()).then_some(lines)
}

fn cgroup_namespace(mode: &str) -> Outcome<Option<HostConfigCgroupnsModeEnum>> {
    match mode {
        "" => Ok(None),
        "host" => Ok(Some(HostConfigCgroupnsModeEnum::HOST)),
        "private" => Ok(Some(HostConfigCgroupnsModeEnum::PRIVATE)),
        other => Err(TranslateError::Invalid(format!("`cgroup: {other}` is neither `host` nor `private`"))),
    }
}

fn isolation(mode: &str) -> Outcome<Option<HostConfigIsolationEnum>> {
    match mode {
        "" => Ok(None),
        "default" => Ok(Some(HostConfigIsolationEnum::DEFAULT)),
        "process" => Ok(Some(HostConfigIsolationEnum::PROCESS)),
        "hyperv" => Ok(Some(HostConfigIsolationEnum::HYPERV)),
        other => {
            Err(TranslateError::Invalid(format!("`isolation: {other}` is not one of `default`, `process`, `hyperv`")))
        }
    }
}

/// `deploy.restart_policy` wins over `restart`, as in Docker Compose.
fn restart_policy(translator: &mut Translator, service: &Service) -> Outcome<Option<RestartPolicy>> {
    let (name, attempts) = match service.deploy.as_ref().and_then(|deploy| deploy.restart_policy.as_ref()) {
        Some(policy) => {
            for (attribute, given) in [("delay", policy.delay.is_some()), ("window", policy.window.is_some())] {
                if given {
                    translator.warn(format!(
                        "`deploy.restart_policy.{attribute}` is for Swarm; the engine chooses its own pauses between restarts"
                    ));
                }
            }
            let attempts = policy.max_attempts.map(|attempts| i64::try_from(attempts).unwrap_or(i64::MAX));
            (policy.condition.as_str(), attempts)
        }
        None => match service.restart.split_once(':') {
            Some((name, count)) => {
                let Ok(count) = count.parse() else {
                    return Err(TranslateError::Invalid(format!(
                        "`restart: {}`: `{count}` is not a number",
                        service.restart
                    )));
                };
                (name, Some(count))
            }
            None => (service.restart.as_str(), None),
        },
    };
    let name = match name {
        "" => return Ok(None),
        "no" | "none" => RestartPolicyNameEnum::NO,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        "always" | "any" => RestartPolicyNameEnum::ALWAYS,
        other => {
            return Err(TranslateError::Invalid(format!(
                "`restart: {other}` is not one of `no`, `always`, `on-failure`, `unless-stopped`"
            )));
        }
    };
    let counted = name == RestartPolicyNameEnum::ON_FAILURE;
    if attempts.is_some() && !counted {
        translator.warn("the number of restarts has an effect with `on-failure` only");
    }
    Ok(Some(RestartPolicy { name: Some(name), maximum_retry_count: attempts.filter(|_| counted) }))
}

/// The kind of a refusal to make a container, where the engine's words say more than its status.
pub(super) fn kind_of(kind: ErrorKind, message: &str) -> ErrorKind {
    match kind {
        // Not a missing image: the engine says 404 to one of another platform.
        ErrorKind::NotFound if message.contains("does not match the specified platform") => ErrorKind::Invalid,
        ErrorKind::Invalid | ErrorKind::Engine
            if message.contains("does not exist") || message.contains("no such file") =>
        {
            ErrorKind::MissingSource
        }
        kind => kind,
    }
}
