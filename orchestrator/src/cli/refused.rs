//! Docker Compose's commands that `stack` does not have, refused by name with what does the work meanwhile.

use crate::error::CommandError;

/// The commands, why they are refused, and the way out.
const COMMANDS: [(&str, &str, &str); 8] = [
    ("alpha", OUT_OF_SCOPE, "experimental commands are left to `docker compose`"),
    ("bridge", OUT_OF_SCOPE, "`docker compose bridge` converts projects"),
    ("commit", NOT_YET, "`docker commit CONTAINER IMAGE`; `stack ps` shows the container's name"),
    ("cp", NOT_YET, "`docker cp CONTAINER:PATH PATH`; `stack ps` shows the container's name"),
    ("export", NOT_YET, "`docker export CONTAINER`; `stack ps` shows the container's name"),
    ("publish", OUT_OF_SCOPE, "`docker compose publish` makes an artefact of a project"),
    ("push", NOT_YET, "`docker push IMAGE`; `stack config --images` lists the images"),
    ("stats", NOT_YET, "`docker stats`; `stack ps` shows the containers' names"),
];
const NOT_YET: &str = "is not supported yet";
const OUT_OF_SCOPE: &str = "is not supported: it has nothing to do with running a project";

/// The error about a command of Docker Compose that `stack` does not have; none for any other word.
pub(super) fn command(name: &str) -> Option<CommandError> {
    let (name, why, hint) = COMMANDS.iter().find(|(known, ..)| *known == name)?;
    Some(CommandError::new(format!("`stack {name}` {why}")).hint(*hint))
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
