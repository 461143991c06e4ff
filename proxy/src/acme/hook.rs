//! DNS challenges by a hook program, called as Traefik's provider `exec` calls it: `PROGRAM present NAME VALUE` makes a
//! TXT record, `PROGRAM cleanup NAME VALUE` removes it; with `EXEC_MODE=RAW` it is `PROGRAM present -- DOMAIN TOKEN
//! KEYAUTH`.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::dns::Proof;
use super::failure::Failure;

/// How long a hook program may take.
const LIMIT: Duration = Duration::from_secs(300);
/// As much of its error output is told.
const LONGEST: usize = 500;

/// What is wrong where no program is named.
pub(super) const NO_PROGRAM: &str =
    "the DNS challenge has no hook program: set `EXEC_PATH` to a program that makes TXT records";

/// The program that the environment names.
pub(super) fn program(environment: &BTreeMap<String, String>) -> Option<&String> {
    environment.get("EXEC_PATH").filter(|path| !path.is_empty())
}

/// One TXT record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    program: String,
    raw: bool,
    proof: Proof,
}

impl Record {
    /// The record that proves a name, made by the program that `environment` names.
    ///
    /// # Errors
    /// No program is named.
    pub(super) fn new(environment: &BTreeMap<String, String>, proof: Proof) -> Result<Self, Failure> {
        let no_program = || Failure::refused(NO_PROGRAM, "give the resolver such a program, or another challenge");
        Ok(Self {
            program: program(environment).cloned().ok_or_else(no_program)?,
            raw: environment.get("EXEC_MODE").is_some_and(|mode| mode.eq_ignore_ascii_case("RAW")),
            proof,
        })
    }

    /// The name that is proved.
    pub(super) fn domain(&self) -> &str {
        &self.proof.domain
    }

    /// Makes the record.
    ///
    /// # Errors
    /// The program cannot be run, fails or takes too long.
    pub(super) async fn present(&self) -> Result<(), Failure> {
        self.run("present").await
    }

    /// Removes it.
    ///
    /// # Errors
    /// As [`Self::present`].
    pub(super) async fn cleanup(&self) -> Result<(), Failure> {
        self.run("cleanup").await
    }

    async fn run(&self, action: &str) -> Result<(), Failure> {
        let failed = |reason: String| {
            Failure::refused(
                format!("the hook program `{} {action}` {reason}", self.program),
                "run it by hand with the same words and see what it says",
            )
        };
        let mut command = Command::new(&self.program);
        command.arg(action);
        if self.raw {
            command.args(["--", &self.proof.domain, &self.proof.token, &self.proof.key_authorization]);
        } else {
            command.args([&self.proof.record_name(), &self.proof.value]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output())
            .await
            .map_err(|_| failed(format!("took longer than {} s", LIMIT.as_secs())))?
            .map_err(|error| failed(format!("cannot be run: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String = said.trim().chars().take(LONGEST).collect();
        Err(failed(format!("failed ({}): {said}", output.status)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn the_program_is_called_as_traefik_calls_it() {
        let folder = tempfile::tempdir().unwrap();
        let (program, said) = (folder.path().join("hook"), folder.path().join("said"));
        fs::write(
            &program,
            format!(
                "#!/bin/sh\necho \"$@\" >> {}\ntest \"$1\" = present || {{ echo no >&2; exit 3; }}\n",
                said.display()
            ),
        )
        .unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut environment = BTreeMap::from([("EXEC_PATH".to_owned(), program.display().to_string())]);
        let record = |environment: &BTreeMap<String, String>| {
            let proof = ["a.example", "tok", "tok.thumb", "digest"].map(str::to_owned);
            let [domain, token, key_authorization, value] = proof;
            Record::new(environment, Proof { domain, token, key_authorization, value })
        };
        record(&environment).unwrap().present().await.unwrap();
        environment.insert("EXEC_MODE".to_owned(), "RAW".to_owned());
        record(&environment).unwrap().present().await.unwrap();
        let failure = record(&environment).unwrap().run("cleanup").await.unwrap_err();
        assert!(failure.reason.ends_with("cleanup` failed (exit status: 3): no"), "{}", failure.reason);
        assert_eq!(
            fs::read_to_string(said).unwrap(),
            "present _acme-challenge.a.example. digest\npresent -- a.example tok tok.thumb\ncleanup -- a.example tok tok.thumb\n"
        );
        assert!(record(&BTreeMap::new()).is_err());
    }
}
