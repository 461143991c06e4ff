//! The engine of this machine, as scenarios see it.

use std::process::Command;

use crate::command::{Run, run};

/// Runs the `docker` client.
pub fn docker<const N: usize>(arguments: [&str; N]) -> Run {
    run(Command::new("docker").args(arguments))
}

/// Whether an engine answers. Where none does, scenarios are skipped and say so; `STACK_TEST_REQUIRE_ENGINE` (set by
/// continuous integration, which brings its own engine) turns that into a failure.
#[must_use]
pub fn is_there(scenario: &str) -> bool {
    let answer = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
    let found = answer.as_ref().is_ok_and(|output| output.status.success());
    if !found {
        skip(scenario, "no Docker Engine answers; integration/engine.sh starts one (as root)");
        assert!(std::env::var_os("STACK_TEST_REQUIRE_ENGINE").is_none(), "an engine is required here and none answers");
    }
    found
}

/// A program that scenarios compare with or talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The real Docker Compose.
    Compose,
    /// A certificate authority for tests.
    Pebble,
}

impl Peer {
    const ALL: [Self; 2] = [Self::Compose, Self::Pebble];

    /// Its name in `STACK_TEST_REQUIRE_PEERS`.
    const fn name(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Pebble => "pebble",
        }
    }

    /// Whether a list of names has it.
    fn is_in(self, list: &str) -> bool {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        let required: Vec<Self> = names
            .map(|name| {
                let known = Self::ALL.into_iter().find(|peer| peer.name() == name);
                known.unwrap_or_else(|| {
                    let all = Self::ALL.map(Self::name).join(", ");
                    panic!("STACK_TEST_REQUIRE_PEERS names `{name}`, which is not one of {all}")
                })
            })
            .collect();
        required.contains(&self)
    }
}

/// Says that a scenario did not run for want of a program; `STACK_TEST_REQUIRE_PEERS`, a list such as `compose,pebble` (set by
/// continuous integration to those that it has found or installed), turns that into a failure.
///
/// # Panics
/// The program is required.
pub fn skip_without_peer(scenario: &str, peer: Peer, why: &str) {
    skip(scenario, why);
    let required = std::env::var("STACK_TEST_REQUIRE_PEERS").is_ok_and(|list| peer.is_in(&list));
    assert!(!required, "{scenario} is required here, but {why}");
}

/// Says that a scenario did not run, and why.
pub fn skip(scenario: &str, why: &str) {
    note(&format!("skipped: {scenario}: {why}"));
}

/// Says something that whoever reads the results should know.
pub fn note(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether an image is in the engine.
#[must_use]
pub fn has_image(image: &str) -> bool {
    docker(["image", "inspect", "--format", "{{.Id}}", image]).code() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_is_required_by_its_name() {
        for (list, compose, pebble) in [
            ("", false, false),
            ("compose", true, false),
            ("pebble", false, true),
            ("compose,pebble", true, true),
            (" pebble, compose,", true, true),
        ] {
            assert_eq!((Peer::Compose.is_in(list), Peer::Pebble.is_in(list)), (compose, pebble), "{list:?}");
        }
    }

    #[test]
    #[should_panic(expected = "STACK_TEST_REQUIRE_PEERS names `1`, which is not one of compose, pebble")]
    fn the_name_of_no_peer_is_refused() {
        let _ = Peer::Pebble.is_in("pebble,1");
    }
}
