//! Places whose value has a type other than text once variables are put in.

use std::sync::LazyLock;

use crate::codes::input;
use crate::diagnostic::Diagnostic;
use crate::number;
use crate::pattern::Patterns;
use crate::yaml::Value;

/// The type that a place asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    Int,
    Float,
    Bool,
}

/// A value that was cast, with a warning about how it is written.
#[derive(Debug, PartialEq)]
pub(super) struct Casted {
    pub(super) value: Value,
    pub(super) warning: Option<Diagnostic>,
}

impl Cast {
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Bool => "`true` or `false`",
        }
    }

    /// The typed value of a text.
    pub(super) fn apply(self, text: &str) -> Result<Casted, ()> {
        let plain = |value| Ok(Casted { value, warning: None });
        match self {
            Self::Int => plain(Value::Int(text.parse::<i64>().map_err(drop)?.into())),
            Self::Float => plain(Value::Float(number::float(text).ok_or(())?)),
            Self::Bool => {
                let value = match text.to_ascii_lowercase().as_str() {
                    "true" => return plain(Value::Bool(true)),
                    "false" => return plain(Value::Bool(false)),
                    "y" | "yes" | "on" => true,
                    "n" | "no" | "off" => false,
                    _ => return Err(()),
                };
                let warning =
                    Diagnostic::warning(input::BOOLEAN_WORD, format!("`{text}` is not a boolean of YAML 1.2"))
                        .hint(format!("write `{value}`"));
                Ok(Casted { value: Value::Bool(value), warning: Some(warning) })
            }
        }
    }
}

/// Which place asks for which type.
pub(super) fn table() -> &'static Patterns<Cast> {
    static TABLE: LazyLock<Patterns<Cast>> = LazyLock::new(|| {
        use Cast::{Bool, Float, Int};
        Patterns::new(&[
            ("services.*.build.no_cache", Bool),
            ("services.*.build.privileged", Bool),
            ("services.*.build.pull", Bool),
            ("services.*.cpu_count", Int),
            ("services.*.cpu_percent", Float),
            ("services.*.cpu_period", Int),
            ("services.*.cpu_quota", Int),
            ("services.*.cpu_rt_period", Int),
            ("services.*.cpu_rt_runtime", Int),
            ("services.*.cpu_shares", Int),
            ("services.*.cpus", Float),
            ("services.*.depends_on.*.restart", Bool),
            ("services.*.deploy.placement.max_replicas_per_node", Int),
            ("services.*.deploy.replicas", Int),
            ("services.*.deploy.restart_policy.max_attempts", Int),
            ("services.*.deploy.rollback_config.max_failure_ratio", Float),
            ("services.*.deploy.rollback_config.parallelism", Int),
            ("services.*.deploy.update_config.max_failure_ratio", Float),
            ("services.*.deploy.update_config.parallelism", Int),
            ("services.*.develop.watch.*.exec.privileged", Bool),
            ("services.*.healthcheck.disable", Bool),
            ("services.*.healthcheck.retries", Int),
            ("services.*.init", Bool),
            ("services.*.oom_kill_disable", Bool),
            ("services.*.oom_score_adj", Int),
            ("services.*.pids_limit", Int),
            ("services.*.ports.*.target", Int),
            ("services.*.post_start.*.privileged", Bool),
            ("services.*.pre_stop.*.privileged", Bool),
            ("services.*.privileged", Bool),
            ("services.*.read_only", Bool),
            ("services.*.scale", Int),
            ("services.*.stdin_open", Bool),
            ("services.*.tty", Bool),
            ("services.*.ulimits.*", Int),
            ("services.*.ulimits.*.hard", Int),
            ("services.*.ulimits.*.soft", Int),
            ("services.*.volumes.*.bind.create_host_path", Bool),
            ("services.*.volumes.*.read_only", Bool),
            ("services.*.volumes.*.volume.nocopy", Bool),
            ("networks.*.attachable", Bool),
            ("networks.*.enable_ipv4", Bool),
            ("networks.*.enable_ipv6", Bool),
            ("networks.*.external", Bool),
            ("networks.*.internal", Bool),
            ("volumes.*.external", Bool),
            ("secrets.*.external", Bool),
            ("configs.*.external", Bool),
        ])
    });
    &TABLE
}

/// Places whose text is typed when all files are merged, so that a later file may put a wrong one right.
pub(super) fn merged() -> &'static Patterns<Cast> {
    static TABLE: LazyLock<Patterns<Cast>> = LazyLock::new(|| {
        Patterns::new(&[("services.*.attach", Cast::Bool), ("services.*.env_file.*.required", Cast::Bool)])
    });
    &TABLE
}
