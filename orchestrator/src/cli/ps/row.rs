//! One container as `ps` shows it.

use serde::Serialize;

use super::ports;
use crate::backend::{Container, State};
use crate::labels;
use crate::reconcile::observed::service_of;
use crate::ui::human;

/// One line of `ps --format json`: Docker Compose's keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row {
    command: String,
    created_at: String,
    exit_code: i64,
    health: &'static str,
    #[serde(rename = "ID")]
    id: String,
    image: String,
    labels: String,
    local_volumes: String,
    mounts: String,
    name: String,
    names: String,
    networks: String,
    ports: String,
    project: String,
    publishers: Vec<Publisher>,
    running_for: String,
    service: String,
    size: &'static str,
    state: &'static str,
    status: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Publisher {
    #[serde(rename = "URL")]
    url: String,
    target_port: u16,
    published_port: u16,
    protocol: String,
}

/// Titles of the table.
pub(super) const TITLES: [&str; 7] = ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"];

/// Titles of fields that are not called as the field is.
pub(super) const FIELD_TITLES: [(&str, &str); 3] =
    [("ID", "CONTAINER ID"), ("CreatedAt", "CREATED AT"), ("RunningFor", "CREATED")];

/// A state in the engine's word.
pub(in crate::cli) fn word(state: State) -> &'static str {
    match state {
        State::Created => "created",
        State::Running => "running",
        State::Paused => "paused",
        State::Restarting => "restarting",
        State::Removing => "removing",
        State::Exited => "exited",
        State::Dead => "dead",
    }
}

fn shortened(text: &str, length: usize, whole: bool) -> String {
    if whole || text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

/// The exit code in the engine's words for a state (`Exited (137) 2 minutes ago`).
fn exit_code(status: &str) -> i64 {
    let number = status.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    number.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

fn health(status: &str) -> &'static str {
    [("(healthy)", "healthy"), ("(unhealthy)", "unhealthy"), ("(health: starting)", "starting")]
        .into_iter()
        .find_map(|(words, health)| status.contains(words).then_some(health))
        .unwrap_or_default()
}

/// Go's way to print a time.
fn local_time(seconds: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_second(seconds) else { return String::new() };
    time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

impl Row {
    /// `whole`: nothing is shortened.
    pub(super) fn new(container: &Container, now: i64, whole: bool) -> Self {
        let command = shortened(&container.command, 20, whole);
        let mounts =
            container.mounts.iter().map(|mount| if mount.name.is_empty() { &mount.source } else { &mount.name });
        let publisher = |port: crate::backend::PublishedPort| Publisher {
            url: port.host_ip,
            target_port: port.target,
            published_port: port.published,
            protocol: port.protocol,
        };
        Self {
            command: quoted(&command),
            created_at: local_time(container.created),
            exit_code: if container.state == State::Exited { exit_code(&container.status) } else { 0 },
            health: if container.state == State::Running { health(&container.status) } else { "" },
            id: if whole { container.id.clone() } else { container.id.chars().take(12).collect() },
            image: container.image.clone(),
            labels: container
                .labels
                .iter()
                .filter(|(name, _)| !labels::is_internal(name))
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(","),
            local_volumes: container.mounts.iter().filter(|mount| mount.kind == "volume").count().to_string(),
            mounts: mounts.map(|name| shortened(name, 15, whole)).collect::<Vec<_>>().join(","),
            name: container.name.clone(),
            names: container.name.clone(),
            networks: container.networks.keys().map(String::as_str).collect::<Vec<_>>().join(","),
            ports: ports::cell(&container.ports),
            project: container.labels.get(labels::PROJECT).cloned().unwrap_or_default(),
            publishers: ports::sorted(&container.ports).into_iter().map(publisher).collect(),
            running_for: format!("{} ago", human::duration(now - container.created)),
            service: service_of(container).to_owned(),
            size: "0B",
            state: word(container.state),
            status: container.status.clone(),
        }
    }

    /// The row of the table.
    pub(super) fn cells(self) -> [String; 7] {
        [self.name, self.image, self.command, self.service, self.running_for, self.status, self.ports]
    }
}

/// In double quotes, with what would end them or the line escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(c.escape_default()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{exit_code, health, quoted, shortened};

    #[test]
    fn the_engine_says_code_and_health_in_words() {
        assert_eq!(exit_code("Exited (137) 2 minutes ago"), 137);
        assert_eq!(exit_code("Created"), 0);
        assert_eq!(health("Up 2 seconds (health: starting)"), "starting");
        assert_eq!(health("Up 2 seconds (healthy)"), "healthy");
        assert_eq!(health("Up 2 seconds"), "");
    }

    #[test]
    fn commands_fit_their_column() {
        assert_eq!(shortened("sh -c 'trap \"echo bye; exit 0\" TERM'", 20, false), "sh -c 'trap \"echo b…");
        assert_eq!(shortened("sleep 10000", 20, false), "sleep 10000");
        assert_eq!(quoted("a\"b\\\n"), "\"a\\\"b\\\\\\n\"");
    }
}
