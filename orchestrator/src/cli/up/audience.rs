//! Whose output an attached `up` shows, and whose end it stays for.

use std::collections::{BTreeMap, BTreeSet};

use super::options::Args;
use crate::error::{CommandError, Result};
use crate::logs::Item;
use crate::reconcile::desired::DesiredService;

/// Services of an attached `up`, by what they mean to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Audience {
    /// What they print is shown.
    pub(super) shown: BTreeSet<String>,
    /// Their ends are told, may end the session, and do so when the last one has ended. As with Docker Compose these are the
    /// services named on the command line: what they depend on runs on. Where none is named, those that are shown, or all of
    /// them where nothing is. Empty only where no service is brought up that has containers.
    pub(super) awaited: BTreeSet<String>,
}

impl Audience {
    /// By the command line, and by `attach: false` in the file.
    ///
    /// # Errors
    /// A service that does not exist.
    pub(super) fn choose(
        args: &Args,
        exists: impl Fn(&str) -> bool,
        services: &BTreeMap<String, DesiredService>,
    ) -> Result<Self> {
        let unknown = args.attach.iter().find(|name| !exists(name));
        let absent = args.exit_code_from.iter().find(|name| !services.contains_key(*name));
        if let Some(name) = unknown.or(absent) {
            return Err(CommandError::new(format!("no such service: {name}")));
        }
        let names = |wanted: &dyn Fn(&DesiredService) -> bool| -> BTreeSet<String> {
            services.values().filter(|service| wanted(service)).map(|service| service.name.clone()).collect()
        };
        let selected = names(&|service| service.selected);
        let mut shown = names(&|service| match args.attach.as_slice() {
            [] => (service.selected || args.attach_dependencies) && service.service.attach != Some(false),
            named => named.contains(&service.name),
        });
        // With Docker Compose, too, a service with `attach: false` is shown where there would be nothing else to look at.
        if shown.is_empty() && !selected.is_empty() {
            shown = names(&|_| true);
        }
        shown.retain(|name| !args.no_attach.contains(name));
        // Who wants to see nothing still waits for the end.
        let mut awaited = if args.names_services() || shown.is_empty() { selected } else { shown.clone() };
        awaited.extend(args.exit_code_from.clone());
        Ok(Self { shown, awaited })
    }

    /// Whose logs are read.
    pub(super) fn followed(&self) -> Vec<String> {
        self.shown.union(&self.awaited).cloned().collect()
    }

    /// Whether an item is none of the reader's concern.
    pub(super) fn hides(&self, item: &Item) -> bool {
        match item {
            Item::Line { source, .. } => !self.shown.contains(&source.service),
            Item::Exited { source, .. } => !self.awaited.contains(&source.service),
            Item::Warning(_) | Item::Note(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use clap::Parser as _;
    use compose_schema::model::Service;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    /// `app` needs `db` and `quiet`, which has `attach: false`.
    fn services(selected: &[&str]) -> BTreeMap<String, DesiredService> {
        let service = |name: &str| DesiredService {
            name: name.to_owned(),
            service: Service { attach: (name == "quiet").then_some(false), ..Service::default() },
            selected: selected.contains(&name),
            ..DesiredService::default()
        };
        ["app", "db", "quiet"].map(|name| (name.to_owned(), service(name))).into()
    }

    #[test]
    fn what_was_named_is_stayed_for_and_else_what_is_shown() {
        type Names = &'static [&'static str];
        const ALL: Names = &["app", "db", "quiet"];
        let table: [(&str, Names, Names, Names); 17] = [
            ("up", ALL, &["app", "db"], &["app", "db"]),
            ("up app", &["app"], &["app"], &["app"]),
            ("up --attach-dependencies app", &["app"], &["app", "db"], &["app"]),
            ("up --attach db app", &["app"], &["db"], &["app"]),
            ("up --attach db", ALL, &["db"], &["db"]),
            ("up --no-attach db", ALL, &["app"], &["app"]),
            ("up --no-attach app", ALL, &["db"], &["db"]),
            ("up --no-attach app --no-attach db", ALL, &[], ALL),
            ("up --no-attach db --attach db", ALL, &[], ALL),
            ("up --no-attach app", &["app"], &[], &["app"]),
            ("up --no-attach app app", &["app"], &[], &["app"]),
            ("up --no-attach app app quiet", &["app", "quiet"], &[], &["app", "quiet"]),
            ("up quiet", &["quiet"], ALL, &["quiet"]),
            ("up app quiet", &["app", "quiet"], &["app"], &["app", "quiet"]),
            ("up --exit-code-from db app", &["app"], &["app"], &["app", "db"]),
            ("up --exit-code-from db --attach app", ALL, &["app"], &["app", "db"]),
            // A service of a program has no container.
            ("up provided", &[], &[], &[]),
        ];
        for (line, selected, shown, awaited) in table {
            let args = Command::try_parse_from(line.split(' ')).unwrap().args;
            let found = Audience::choose(&args, |_| true, &services(selected)).unwrap();
            let set = |names: Names| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
            assert_eq!(found, Audience { shown: set(shown), awaited: set(awaited) }, "{line}");
        }
    }
}
