//! An explanation for people.

use proxy::inspect::service::ServerState;
use proxy::inspect::{Considered, Origin, Outcome};

use super::url::Told;
use crate::cli::routes::{days, entry_point, folded, origin};
use crate::ui::style::{BAD, GOOD, WARN, paint, printable};

/// The whole text. With `all`, routers for other hosts too.
pub(super) fn explanation(told: &Told, all: bool, width: usize) -> String {
    let seen = &told.explanation;
    let client = seen.question.client.map(|ip| format!(" from {ip}")).unwrap_or_default();
    let mut text = format!("{} {}{client}\n", printable(&seen.question.method), printable(&seen.question.url()));
    let mut line =
        |title: &str, value: &str| text.push_str(&folded(&format!("  {title:<13}"), &printable(value), width));
    if seen.entry_point.is_empty() {
        let points: Vec<String> = seen
            .listening
            .iter()
            .map(|(name, address)| {
                let name = entry_point(name, &told.answer);
                if name.contains(address.as_str()) { name } else { format!("{name} ({address})") }
            })
            .collect();
        line(
            "entry point",
            &format!("none; there are {}", if points.is_empty() { "no others".to_owned() } else { points.join(", ") }),
        );
    } else {
        line("entry point", &entry_point(&seen.entry_point, &told.answer));
    }
    if let Some(tls) = &seen.tls {
        let own = &tls.certificate;
        let fits = if tls.fits { "" } else { "; it is NOT for this host" };
        let issuer = if own.issuer.is_empty() { String::new() } else { format!(", by {}", own.issuer) };
        line(
            "certificate",
            &match own.origin {
                Origin::SelfMade => format!("{}{fits}", origin(&own.origin)),
                _ => format!(
                    "{} for {}{issuer}, {}{fits}",
                    origin(&own.origin),
                    own.names.join(", "),
                    days(own.days_left)
                ),
            },
        );
        if !tls.options.is_empty() {
            line("TLS options", &tls.options);
        }
    }
    routers(told, all, width, &mut text);
    steps(told, width, &mut text);
    let (style, answer) = answer(told);
    text.push_str(&format!("  {:<13}", "answer"));
    text.push_str(&paint(style, folded(&" ".repeat(15), &printable(&answer), width).trim_start()));
    for near in &seen.near {
        let whose = if near.router.is_empty() { String::new() } else { format!("`{}`: ", near.router) };
        let place = told.routes.iter().find(|one| one.route.name == near.router).map(|one| one.place.file.as_str());
        let place = place.filter(|place| !place.is_empty()).map(|place| format!(" ({place})")).unwrap_or_default();
        text.push_str(&folded("  near         ", &printable(&format!("{whose}{}{place}", near.reason)), width));
    }
    for hint in &told.hints {
        text.push_str(&folded("  hint         ", &printable(hint), width));
    }
    text
}

fn routers(told: &Told, all: bool, width: usize, text: &mut String) {
    let seen = &told.explanation;
    let mut others = 0;
    for (index, one) in seen
        .considered
        .iter()
        .filter(|one| {
            let shown = all || concerns(one, &seen.question.host);
            others += usize::from(!shown);
            shown
        })
        .enumerate()
    {
        let title = if index == 0 { "  routers      " } else { "               " };
        let (style, word) = match one.outcome {
            Outcome::Takes => (GOOD, "takes it"),
            Outcome::Outranked => (WARN, "too late"),
            Outcome::Disabled => (BAD, "not in force"),
            Outcome::Differs | Outcome::Elsewhere | Outcome::OtherScheme => (WARN, "no"),
        };
        let priority = if one.priority > proxy::rule::priority::MAX_USER_PRIORITY {
            "highest".to_owned()
        } else {
            one.priority.to_string()
        };
        text.push_str(&format!("{title}{} {} (priority {priority})\n", paint(style, word), printable(&one.router)));
        let place = told
            .routes
            .iter()
            .find(|routed| routed.route.protocol == "http" && routed.route.name == one.router)
            .map(|routed| &routed.place);
        if let Some(place) = place.filter(|place| !place.project.is_empty()) {
            let parts = [place.file.as_str(), place.key.as_str()];
            let parts = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            let service = if place.service.is_empty() { String::new() } else { format!("/{}", place.service) };
            let parts = if parts.is_empty() { String::new() } else { format!(": {parts}") };
            text.push_str(&folded(
                "                 ",
                &printable(&format!("from {}{service}{parts}", place.project)),
                width,
            ));
        }
        if !one.reason.is_empty() {
            text.push_str(&folded("                 ", &printable(&one.reason), width));
        }
        for verdict in &one.verdicts {
            let word = if verdict.fits { "yes" } else { "no " };
            let asked = if verdict.fits || verdict.asked.is_empty() {
                String::new()
            } else {
                format!(": asked is {}", verdict.asked)
            };
            text.push_str(&folded(
                &format!("                 {word} "),
                &printable(&format!("{}{asked}", verdict.matcher)),
                width,
            ));
        }
    }
    if others > 0 {
        let title = if others == seen.considered.len() { "  routers      " } else { "               " };
        let what = if others == 1 { "one router".to_owned() } else { format!("{others} routers") };
        text.push_str(&format!("{title}{what} for other hosts or entry points (`--all` shows them)\n"));
    }
}

/// Whether a router is about this request in some way: not one that is for another host alone.
fn concerns(one: &Considered, host: &str) -> bool {
    let hosts = || one.verdicts.iter().filter(|verdict| verdict.matcher.trim_start_matches('!').starts_with("Host"));
    match one.outcome {
        Outcome::Takes | Outcome::Outranked => true,
        Outcome::Disabled if one.verdicts.is_empty() => one.rule.to_ascii_lowercase().contains(host),
        Outcome::Differs => hosts().next().is_none() || hosts().any(|verdict| verdict.fits),
        Outcome::Disabled | Outcome::Elsewhere | Outcome::OtherScheme => {
            !one.router.ends_with("@internal") && hosts().any(|verdict| verdict.fits)
        }
    }
}

fn steps(told: &Told, width: usize, text: &mut String) {
    let seen = &told.explanation;
    for (index, step) in seen.middlewares.iter().enumerate() {
        let title = if index == 0 { "  middlewares  " } else { "               " };
        let kind = if step.kind.is_empty() { String::new() } else { format!(" ({})", step.kind) };
        text.push_str(&folded(title, &printable(&format!("{}{kind}: {}", step.name, step.does)), width));
    }
    let Some(service) = seen.service.as_ref().filter(|_| seen.redirect.is_none()) else { return };
    let kind = if service.kind.is_empty() { String::new() } else { format!(" ({})", service.kind) };
    text.push_str(&folded("  service      ", &printable(&format!("{}{kind}", service.name)), width));
    for server in service.all_servers() {
        let (style, word) = match server.state {
            ServerState::Up => (GOOD, "up"),
            ServerState::Down => (BAD, "down"),
            ServerState::Suspect => (WARN, "could not be reached a moment ago"),
            ServerState::Unknown => (WARN, "has not taken a connection so far"),
        };
        let container = told.servers.iter().find(|(url, _)| *url == server.url).map(|(_, name)| format!(" ({name})"));
        text.push_str(&format!(
            "               {} {}{}\n",
            printable(&server.url),
            paint(style, word),
            printable(&container.unwrap_or_default())
        ));
    }
}

/// What the client gets.
fn answer(told: &Told) -> (anstyle::Style, String) {
    let seen = &told.explanation;
    if let Some(reason) = &seen.stopped {
        return (BAD, reason.clone());
    }
    if seen.router.is_none() {
        return (BAD, "404: no router takes it".to_owned());
    }
    if let Some(step) = seen.middlewares.iter().find(|step| step.answers) {
        let status = step.does.trim_start_matches("answers ").split([':', ' ']).next().unwrap_or_default();
        let target = step.redirect.as_ref().map(|target| format!(", to {target}")).unwrap_or_default();
        return (
            if step.redirect.is_some() { GOOD } else { WARN },
            format!("{status} of the middleware `{}`{target}", step.name),
        );
    }
    match &seen.service {
        Some(service) if service.kind == "internal" => (GOOD, format!("the gateway's own, of `{}`", service.name)),
        Some(service) => match service.count() {
            (0, 0) => (BAD, "503: the service has no server".to_owned()),
            (0, all) => (BAD, format!("503: none of {all} servers is healthy")),
            _ => {
                let path = if seen.forwarded_path == seen.question.path {
                    String::new()
                } else {
                    format!(", asked for {}", seen.forwarded_path)
                };
                let answers = |state| matches!(state, ServerState::Up);
                if service.all_servers().iter().any(|server| answers(server.state)) {
                    (GOOD, format!("the service's{path}"))
                } else {
                    let said = "if one of its servers takes the connection, which none has so far";
                    (WARN, format!("the service's{path}, {said}; else 502 or 504"))
                }
            }
        },
        None => (BAD, "500".to_owned()),
    }
}
