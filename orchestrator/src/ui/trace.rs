//! The program's own log, on standard error.

use tracing_subscriber::EnvFilter;

/// Environment variable with the filter (`debug`, `proxy=debug,info`).
const VARIABLE: &str = "STACK_LOG";

/// Switches the log on with `level` (`warn`, `info`), or what `STACK_LOG` says. Only the first call counts.
///
/// `bollard` writes whole request bodies, environments with their secrets among them, at level debug: it is held at
/// info unless it is named.
pub fn init(level: &str) {
    init_as(level, false);
}

/// The same; with `json` each line is a JSON object.
pub fn init_as(level: &str, json: bool) {
    #[expect(clippy::disallowed_methods, reason = "the log tells of how the surroundings are read, too")]
    let wanted = std::env::var(VARIABLE).ok().filter(|filter| !filter.is_empty());
    let filter = wanted.as_deref().map_or_else(|| level.to_owned(), str::to_owned);
    let filter = if filter.contains("bollard") { filter } else { format!("{filter},bollard=info") };
    // The file watcher speaks of each watch that has ended by itself.
    let filter = if filter.contains("notify") { filter } else { format!("{filter},notify=warn") };
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(super::output::stderr_color())
        .with_target(false);
    // A second subscriber is refused; the first one stays.
    let _ = if json { subscriber.json().flatten_event(true).try_init() } else { subscriber.try_init() };
}
