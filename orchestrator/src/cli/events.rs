//! `stack events`

use std::collections::BTreeMap;
use std::process::ExitCode;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::carry_out::interruptible;
use super::logs::time;
use super::scope::Scope;
use super::{Context, block_on, to_json};
use crate::backend::Event;
use crate::error::{CommandError, Result};
use crate::labels;
use crate::ui::output;
use crate::ui::style::printable;

/// Show what happens to the project's containers
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Not before this: a time, or a length of time until now (`10m`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Not after this: a time, or a length of time until now
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Services; none: all
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    action: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
    id: &'a str,
    service: &'a str,
    time: String,
    r#type: &'a str,
}

/// An event as a line, unless it is about something else than a container of these services.
fn line(event: &Event, services: &[String], json: bool) -> Result<Option<String>> {
    let label = |name: &str| event.attributes.get(name).map(String::as_str).unwrap_or_default();
    let service = label(labels::SERVICE);
    let named = services.is_empty() || services.iter().any(|name| name == service);
    if event.kind != "container" || label(labels::ONEOFF) == "True" || !named {
        return Ok(None);
    }
    let ours = |name: &str| name.starts_with("com.docker.compose.") || labels::is_internal(name);
    let attributes = event.attributes.iter().filter(|(name, _)| !ours(name));
    let attributes: BTreeMap<&str, &str> = attributes.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let time = Timestamp::from_nanosecond(i128::from(event.time)).unwrap_or_default();
    if json {
        let line = Line {
            action: &event.action,
            attributes,
            id: &event.id,
            service,
            time: format!("{time:.9}"),
            r#type: &event.kind,
        };
        return Ok(Some(to_json(&line)?));
    }
    let time = time.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
    let attributes: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let text = format!("{time} {} {} {} ({})", event.kind, event.action, event.id, attributes.join(", "));
    // An empty line comes after it, as by Docker Compose.
    Ok(Some(printable(&text) + "\n"))
}

/// Prints events as they come.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let now = Timestamp::now();
    let (since, until) = (time::since(args.since.as_deref(), now)?, time::until(args.until.as_deref(), now)?);
    let scope = Scope::find(context, &args.services)?;
    let engine = context.engine()?;
    block_on(interruptible(async {
        let mut events = engine.events_between(&scope.filter(), since.as_deref(), until.as_deref()).await?;
        scope.check(&args.services, &engine.containers(&scope.filter()).await?)?;
        while let Some(event) = events.next().await {
            if let Some(line) = line(&event?, &args.services, args.json)? {
                output::stdout(&format!("{line}\n"))?;
            }
        }
        match until {
            Some(_) => Ok(ExitCode::SUCCESS),
            None => Err(CommandError::new("the engine stopped sending events").hint("was it stopped or restarted?")),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::backend::Event;
    use crate::labels;

    #[test]
    fn lines_name_the_service_and_leave_our_labels_out() {
        let attributes = [
            (labels::SERVICE, "web"),
            (labels::ONEOFF, "False"),
            (labels::PREVIOUS, "an environment"),
            ("name", "p-web-1"),
        ];
        let event = Event {
            kind: "container".to_owned(),
            action: "start".to_owned(),
            id: "1234".to_owned(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            time: 1_767_366_245_000_000_001,
        };
        let shown = |event: &Event, services: &[String]| line(event, services, true).map_err(|error| error.message);
        assert_eq!(
            shown(&event, &[]),
            Ok(Some(
                r#"{"action":"start","attributes":{"name":"p-web-1"},"id":"1234","service":"web","time":"2026-01-02T15:04:05.000000001Z","type":"container"}"#
                    .to_owned()
            ))
        );
        let text = line(&event, &[], false).map_err(|error| error.message);
        assert!(
            text.is_ok_and(|text| text.is_some_and(|text| text.ends_with(" container start 1234 (name=p-web-1)\n")))
        );
        assert_eq!(shown(&event, &["db".to_owned()]), Ok(None));
        assert_eq!(shown(&Event { kind: "network".to_owned(), ..event }, &[]), Ok(None));
    }
}
