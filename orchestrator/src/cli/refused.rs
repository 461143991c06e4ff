//! Docker Compose's commands that `stack` does not have, refused by name with what does the work meanwhile.

use crate::error::CommandError;

/// The commands, and the way out.
const COMMANDS: [(&str, &str); 3] = [
    ("alpha", "experimental commands are left to `docker compose`"),
    ("bridge", "`docker compose bridge` converts projects"),
    ("publish", "`docker compose publish` makes an artefact of a project"),
];
const OUT_OF_SCOPE: &str = "is not supported: it has nothing to do with running a project";

/// The error about a command of Docker Compose that `stack` does not have; none for any other word.
pub(super) fn command(name: &str) -> Option<CommandError> {
    let (name, hint) = COMMANDS.iter().find(|(known, ..)| *known == name)?;
    Some(CommandError::new(format!("`stack {name}` {OUT_OF_SCOPE}")).hint(*hint))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn what_exists_is_not_refused() {
        let cli = super::super::Cli::command();
        for (name, ..) in COMMANDS {
            assert!(cli.find_subcommand(name).is_none(), "`{name}` exists");
        }
        assert!(command("up").is_none());
    }
}
