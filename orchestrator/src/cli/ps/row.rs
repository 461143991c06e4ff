//! One container as `ps` shows it.

use proxy::template::Value;

use super::ports;
use crate::backend::{Container, Health, PublishedPort, State};
use crate::cli::format::record;
use crate::labels;
use crate::reconcile::observed::service_of;
use crate::ui::human;

/// The fields of the table.
pub(super) const COLUMNS: [&str; 7] = ["Name", "Image", "Command", "Service", "RunningFor", "Status", "Ports"];

/// Titles of fields in tables.
pub(super) const TITLES: [(&str, &str); 13] = [
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Labels", "LABELS"),
    ("Name", "NAME"),
    ("Ports", "PORTS"),
    ("Project", "PROJECT"),
    ("RunningFor", "CREATED"),
    ("Service", "SERVICE"),
    ("Size", "SIZE"),
    ("State", "STATE"),
    ("Status", "STATUS"),
];

/// What `--format raw` stands for.
pub(super) const RAW: &str = "\
container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
";

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

/// Go's way to print a time.
fn local_time(seconds: i64) -> String {
    let Ok(time) = jiff::Timestamp::from_second(seconds) else { return String::new() };
    time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// One container with Docker Compose's names of fields. `whole`: nothing is shortened.
pub(super) fn fields(container: &Container, now: i64, whole: bool) -> Value {
    let command = shortened(&container.command, 20, whole);
    let mounts = container.mounts.iter().map(|mount| if mount.name.is_empty() { &mount.source } else { &mount.name });
    let publisher = |port: PublishedPort| {
        record([
            ("URL", Value::Text(port.host_ip)),
            ("TargetPort", Value::Number(port.target.into())),
            ("PublishedPort", Value::Number(port.published.into())),
            ("Protocol", Value::Text(port.protocol)),
        ])
    };
    let labels = container.labels.iter().filter(|(name, _)| !labels::is_internal(name));
    let volumes = container.mounts.iter().filter(|mount| mount.kind == "volume").count();
    let exit_code = if container.state == State::Exited { exit_code(&container.status) } else { 0 };
    let health = container.health().filter(|_| container.state == State::Running);
    let name = container.name.as_str();
    record([
        ("Command", Value::Text(quoted(&command))),
        ("CreatedAt", Value::Text(local_time(container.created))),
        ("ExitCode", Value::Number(exit_code)),
        ("Health", health.map_or("", Health::word).into()),
        ("ID", if whole { container.id.as_str().into() } else { Value::Text(container.id.chars().take(12).collect()) }),
        ("Image", container.image.as_str().into()),
        ("Labels", Value::Text(labels.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(","))),
        ("LocalVolumes", Value::Text(volumes.to_string())),
        ("Mounts", Value::Text(mounts.map(|name| shortened(name, 15, whole)).collect::<Vec<_>>().join(","))),
        ("Name", name.into()),
        ("Names", name.into()),
        ("Networks", Value::Text(container.networks.keys().map(String::as_str).collect::<Vec<_>>().join(","))),
        ("Ports", Value::Text(ports::cell(&container.ports))),
        ("Project", container.labels.get(labels::PROJECT).map(String::as_str).unwrap_or_default().into()),
        ("Publishers", Value::List(ports::sorted(&container.ports).into_iter().map(publisher).collect())),
        ("RunningFor", Value::Text(format!("{} ago", human::duration(now - container.created)))),
        ("Service", service_of(container).into()),
        ("Size", "0B".into()),
        ("State", word(container.state).into()),
        ("Status", container.status.as_str().into()),
    ])
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
    use super::{exit_code, quoted, shortened};

    #[test]
    fn the_engine_says_the_code_in_words() {
        assert_eq!(exit_code("Exited (137) 2 minutes ago"), 137);
        assert_eq!(exit_code("Created"), 0);
    }

    #[test]
    fn commands_fit_their_column() {
        assert_eq!(shortened("sh -c 'trap \"echo bye; exit 0\" TERM'", 20, false), "sh -c 'trap \"echo b…");
        assert_eq!(shortened("sleep 10000", 20, false), "sleep 10000");
        assert_eq!(quoted("a\"b\\\n"), "\"a\\\"b\\\\\\n\"");
    }
}
