//! Routes for people: a table where it fits the terminal, else a few lines for each.

use proxy::inspect::Origin;

use super::Routed;
use crate::ui::style::{BAD, GOOD, WARN, paint, printable};
use crate::ui::table::table;

/// A certificate that ends within so many days is pointed out.
const SOON: i64 = 14;
/// Width of a terminal that does not tell.
const USUAL: usize = 80;

/// All routes. `width` is that of the terminal, none where no terminal reads.
pub(super) fn routes(routes: &[Routed], width: Option<usize>) -> String {
    if routes.is_empty() {
        return "nothing is routed\n".to_owned();
    }
    let titles =
        ["ROUTER", "STATE", "PRIORITY", "RULE", "ENTRY POINTS", "MIDDLEWARES", "SERVICE", "CERTIFICATE", "FROM"];
    let rows: Vec<[String; 9]> = std::iter::once(titles.map(str::to_owned)).chain(routes.iter().map(row)).collect();
    let text = table(&rows, 0, 2);
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    if width.is_none_or(|width| widest <= width) {
        let errors: String = routes
            .iter()
            .flat_map(|one| trouble(one).into_iter().map(|line| format!("{}: {line}\n", printable(&one.route.name))))
            .collect();
        return format!("{text}{errors}");
    }
    let width = width.unwrap_or(USUAL).max(20);
    routes.iter().map(|one| block(one, width)).collect::<Vec<_>>().join("\n")
}

/// Whether it works, in a word.
fn state(one: &Routed) -> &'static str {
    let (up, all) = one.service_state.count();
    match one.route.status.as_str() {
        "disabled" => "error",
        _ if is_redirected(one) => "redirected",
        _ if one.route.shadowed_by.is_some() => "shadowed",
        _ if one.service_state.kind != "internal" && one.route.protocol == "http" && up == 0 => {
            if all == 0 {
                "no server"
            } else {
                "down"
            }
        }
        "warning" => "warning",
        _ => "ok",
    }
}

/// Whether its entry point sends everything elsewhere, which is what people want of it.
fn is_redirected(one: &Routed) -> bool {
    one.route.shadowed_by.as_ref().is_some_and(|by| by.ends_with("@internal"))
}

/// What is wrong with it.
fn trouble(one: &Routed) -> Vec<String> {
    let mut lines: Vec<String> = one.route.errors.iter().map(|error| printable(error)).collect();
    if let Some(by) = one.route.shadowed_by.as_ref().filter(|_| !is_redirected(one)) {
        lines.push(format!("gets no request: `{}` takes all of them", printable(by)));
    }
    lines
}

fn row(one: &Routed) -> [String; 9] {
    let route = &one.route;
    let protocol = if route.protocol == "http" { String::new() } else { format!("{} ", route.protocol) };
    let tls = if route.tls.is_some() { " TLS" } else { "" };
    [
        format!("{protocol}{}", route.name),
        state(one).to_owned(),
        priority(route.priority),
        route.rule.clone(),
        format!("{}{tls}", one.entry_point_names.join(", ")),
        route.middlewares.join(", "),
        format!("{} {}", route.service, servers(one)).trim_end().to_owned(),
        certificate(one).unwrap_or_default(),
        from(one),
    ]
}

/// The gateway's own are above what people give.
fn priority(priority: i64) -> String {
    if priority > proxy::rule::priority::MAX_USER_PRIORITY { "highest".to_owned() } else { priority.to_string() }
}

fn servers(one: &Routed) -> String {
    match (one.service_state.kind.as_str(), one.service_state.count()) {
        ("internal", _) => String::new(),
        (_, (up, all)) => format!("{up}/{all}"),
    }
}

fn from(one: &Routed) -> String {
    let place = &one.place;
    let whose = [&place.project, &place.service].into_iter().filter(|part| !part.is_empty());
    let whose = whose.map(String::as_str).collect::<Vec<_>>().join("/");
    format!("{whose} {}", place.file).trim().to_owned()
}

/// The certificate that ends first of those of its hosts.
fn certificate(one: &Routed) -> Option<String> {
    let tls = one.route.tls.as_ref()?;
    if tls.passthrough {
        return Some("the server's".to_owned());
    }
    let first = tls.certificates.iter().min_by_key(|shown| shown.days_left)?;
    Some(match first.origin {
        Origin::SelfMade => origin(&first.origin),
        _ => format!("{}, {}", origin(&first.origin), days(first.days_left)),
    })
}

/// Where a certificate comes from, in a few words.
pub(in crate::cli) fn origin(origin: &Origin) -> String {
    match origin {
        Origin::File { place } => format!("file {}", copied(place)),
        Origin::Acme { resolver } if resolver.is_empty() => "obtained".to_owned(),
        Origin::Acme { resolver } => format!("resolver {resolver}"),
        Origin::Local => "local authority".to_owned(),
        Origin::Default => "default certificate".to_owned(),
        Origin::SelfMade => "self-made, nobody trusts it".to_owned(),
    }
}

/// The path that a copied file has in the adopted service's container.
fn copied(place: &str) -> &str {
    let copies = format!("{}/gateway/files/", crate::edge::state::MOUNT);
    place.strip_prefix(&copies).and_then(|rest| rest.find('/').and_then(|slash| rest.get(slash..))).unwrap_or(place)
}

pub(in crate::cli) fn days(days: i64) -> String {
    match days {
        i64::MIN..=-1 => "expired".to_owned(),
        0 => "less than a day left".to_owned(),
        1 => "1 day left".to_owned(),
        _ => format!("{days} days left"),
    }
}

fn block(one: &Routed, width: usize) -> String {
    let route = &one.route;
    let word = state(one);
    let style = match word {
        "ok" | "redirected" => GOOD,
        "error" | "down" | "no server" => BAD,
        _ => WARN,
    };
    let protocol = if route.protocol == "http" { String::new() } else { format!(" {}", route.protocol) };
    let mut text = format!("{}{protocol} {}\n", printable(&route.name), paint(style, word));
    let mut line = |title: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&folded(&format!("  {title:<13}"), &printable(&value), width));
        }
    };
    line("rule", route.rule.clone());
    let tls = if route.tls.is_some() { ", TLS" } else { "" };
    line("on", format!("{}{tls}, priority {}", one.entry_point_names.join(", "), priority(route.priority)));
    line("middlewares", route.middlewares.join(", "));
    let servers = match (one.service_state.kind.as_str(), one.service_state.count()) {
        ("internal", _) => String::new(),
        (_, (up, all)) => format!(", {up} of {all} servers get requests"),
    };
    line("service", format!("{}{servers}", route.service));
    line("certificate", certificate(one).unwrap_or_default());
    line("from", from(one));
    line("by", one.place.key.clone());
    for trouble in trouble(one) {
        text.push_str(&paint(style, &folded("  ", &trouble, width)));
    }
    if one.route.tls.iter().flat_map(|tls| &tls.certificates).any(|shown| shown.days_left < SOON) {
        text.push_str(&paint(WARN, &folded("  ", "its certificate ends soon", width)));
    }
    text
}

/// A text in lines of at most `width` columns, those after the first as far in as `start` is wide.
pub(in crate::cli) fn folded(start: &str, text: &str, width: usize) -> String {
    let indent = start.chars().count();
    let room = width.saturating_sub(indent).max(8);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.len() > room {
            lines.push(String::new());
        } else if used > 0
            && let Some(line) = lines.last_mut()
        {
            line.push(' ');
        }
        while word.len() > room {
            let rest = word.split_off(room);
            lines.last_mut().into_iter().for_each(|line| line.extend(&word));
            lines.push(String::new());
            word = rest;
        }
        lines.last_mut().into_iter().for_each(|line| line.extend(&word));
    }
    let gap = " ".repeat(indent);
    let line = |(index, line): (usize, &String)| format!("{}{line}\n", if index == 0 { start } else { &gap });
    lines.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use proxy::inspect::report::{RouteTls, Shown};
    use proxy::inspect::service::ServerState;
    use proxy::inspect::{RouteSeen, ServerSeen, ServiceSeen};

    use super::super::place::Place;
    use super::*;

    fn one() -> Routed {
        let shown = Shown {
            host: "app.test".to_owned(),
            origin: Origin::File { place: "/state/gateway/files/web/certs".to_owned() },
            days_left: 63,
            ..Shown::default()
        };
        Routed {
            route: RouteSeen {
                protocol: "http".to_owned(),
                name: "app@docker".to_owned(),
                rule: "Host(`app.test`)".to_owned(),
                entry_points: vec![":443".to_owned()],
                priority: 16,
                tls: Some(RouteTls { certificates: vec![shown], ..RouteTls::default() }),
                middlewares: vec!["auth@docker".to_owned()],
                service: "app@docker".to_owned(),
                status: "enabled".to_owned(),
                ..RouteSeen::default()
            },
            entry_point_names: vec!["websecure (:443)".to_owned()],
            service_state: ServiceSeen {
                kind: "loadBalancer".to_owned(),
                servers: vec![
                    ServerSeen { url: "http://10.0.0.2:80".to_owned(), state: ServerState::Up },
                    ServerSeen { url: "http://10.0.0.3:80".to_owned(), state: ServerState::Down },
                ],
                ..ServiceSeen::default()
            },
            place: Place {
                project: "web".to_owned(),
                service: "app".to_owned(),
                key: "traefik.http.routers.app.rule".to_owned(),
                file: "compose.yml:7".to_owned(),
            },
        }
    }

    #[test]
    fn a_table_where_there_is_room() {
        let mut broken = one();
        broken.route.status = "disabled".to_owned();
        broken.route.errors = vec!["no \u{1b}[2Jgood".to_owned()];
        assert_eq!(
            routes(&[one(), broken], None),
            "ROUTER      STATE  PRIORITY  RULE              ENTRY POINTS          MIDDLEWARES  SERVICE         CERTIFICATE               FROM\n\
             app@docker  ok     16        Host(`app.test`)  websecure (:443) TLS  auth@docker  app@docker 1/2  file /certs, 63 days left  web/app compose.yml:7\n\
             app@docker  error  16        Host(`app.test`)  websecure (:443) TLS  auth@docker  app@docker 1/2  file /certs, 63 days left  web/app compose.yml:7\n\
             app@docker: no \\u{1b}[2Jgood\n"
                .replace("CERTIFICATE               FROM", "CERTIFICATE                FROM")
        );
    }

    #[test]
    fn lines_where_there_is_none() {
        let mut hidden = one();
        hidden.route.shadowed_by = Some("all@docker".to_owned());
        let text = anstream::adapter::strip_str(&routes(&[hidden], Some(44))).to_string();
        assert_eq!(
            text,
            "app@docker shadowed\n  rule         Host(`app.test`)\n  on           websecure (:443), TLS,\n               priority 16\n  \
             middlewares  auth@docker\n  service      app@docker, 1 of 2 servers\n               get requests\n  certificate  file /certs, 63 days left\n  \
             from         web/app compose.yml:7\n  by           traefik.http.routers.app.rule\n  gets no request: `all@docker` takes all of\n  them\n"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 44));
    }
}
