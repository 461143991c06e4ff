//! How flags are written, as far as Docker Compose's users are used to more than clap knows by itself.

use std::ffi::OsString;
use std::time::Duration;

use clap::builder::Resettable;
use clap::error::{ContextKind, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Id};

use super::Cli;
use crate::text::truth;

/// Parses the command line. Flags without a value may have one (`--detach=false`); of what stands there twice the last
/// counts.
///
/// # Errors
/// Mistakes, and the answer to `--help` and `--version`.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&matches(arguments)?)
}

fn matches(mut arguments: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    // Each turn spells out one word, at most.
    for _ in 0..arguments.len() {
        let matches = as_written(arguments.clone())?;
        match spelled_out(&arguments, &matches) {
            Some(plain) => arguments = plain,
            None => return Ok(matches),
        }
    }
    as_written(arguments)
}

/// The command line without the short flags that clap takes for the command of `exec` or `run`, because a value hangs on
/// them: `-T=true`, `-uroot`.
fn spelled_out(arguments: &[OsString], matches: &ArgMatches) -> Option<Vec<OsString>> {
    let (name, matches) = matches.subcommand().filter(|(name, _)| matches!(*name, "exec" | "run"))?;
    let words = matches.get_many::<String>("command")?;
    // The command is all that remains.
    let at = arguments.len().checked_sub(words.len())?;
    let word = words.into_iter().next()?.strip_prefix('-').filter(|word| !word.starts_with('-'))?;
    let command = Cli::command();
    let flags = command.find_subcommand(name)?;
    let mut plain: Vec<OsString> = arguments.get(..at)?.to_vec();
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        let flag = flags.get_arguments().find(|flag| flag.get_short() == Some(letter))?;
        let long = flag.get_long()?;
        let has_value =
            matches!(flag.get_action(), ArgAction::Set | ArgAction::Append) && !flag.is_require_equals_set();
        let rest = letters.as_str();
        if rest.starts_with('=') || (has_value && !rest.is_empty()) {
            plain.push(format!("--{long}={}", rest.strip_prefix('=').unwrap_or(rest)).into());
            break;
        }
        plain.push(format!("--{long}").into());
    }
    plain.extend_from_slice(arguments.get(at + 1..)?);
    Some(plain)
}

fn as_written(arguments: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
    let command = || Cli::command().args_override_self(true);
    command().try_get_matches_from(arguments.clone()).or_else(|error| {
        let has_value = match error.kind() {
            ErrorKind::TooManyValues => true,
            // `-f=1` is read as three flags.
            ErrorKind::UnknownArgument => {
                error.get(ContextKind::InvalidArg).is_some_and(|given| given.to_string() == "-=")
            }
            _ => false,
        };
        if !has_value {
            return Err(error);
        }
        // Only now, so that `--help` shows flags as they are usually written.
        let mut plain = command();
        plain.build();
        let matches = with_values(command()).try_get_matches_from(arguments)?;
        contradiction(&plain, &matches).map_or(Ok(matches), Err)
    })
}

/// The mistake of two flags that are both set and exclude each other.
fn contradiction(command: &Command, matches: &ArgMatches) -> Option<clap::Error> {
    let is_set = |arg: &Arg| {
        let id = arg.get_id().as_str();
        matches.value_source(id) == Some(ValueSource::CommandLine)
            && (!matches!(arg.get_action(), ArgAction::SetTrue) || matches.get_one(id) == Some(&true))
    };
    for arg in command.get_arguments().filter(|arg| is_set(arg)) {
        if let Some(other) = command.get_arg_conflicts_with(arg).into_iter().find(|other| is_set(other)) {
            let message = format!("the argument '{arg}' cannot be used with '{other}'\n");
            return Some(clap::Error::raw(ErrorKind::ArgumentConflict, message).with_cmd(command));
        }
    }
    let (name, matches) = matches.subcommand()?;
    contradiction(command.find_subcommand(name)?, matches)
}

/// The command line, whose flags without a value take one.
fn with_values(command: Command) -> Command {
    // What excludes each other is seen by the values, in `contradiction`.
    let flag = |arg: Arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .conflicts_with(Resettable::<Id>::Reset)
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .value_name("BOOL")
            .default_value("false")
            .default_missing_value("true")
            .value_parser(boolean),
        _ => arg.conflicts_with(Resettable::<Id>::Reset),
    };
    command.mut_args(flag).mut_subcommands(with_values)
}

/// A truth value as Go's `strconv.ParseBool` takes it.
///
/// # Errors
/// Anything else.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    truth(text).ok_or_else(|| "use `true` or `false`".to_owned())
}

/// Seconds until a container that is stopped is killed; a negative number stands for [`Duration::MAX`], never.
///
/// # Errors
/// Anything but a whole number.
pub(super) fn grace(text: &str) -> Result<Duration, String> {
    let seconds: i64 = text.parse().map_err(|_| "not a whole number of seconds".to_owned())?;
    Ok(u64::try_from(seconds).map_or(Duration::MAX, Duration::from_secs))
}

/// The number of a service's container; 0, which stands for any, and so do negative ones.
///
/// # Errors
/// Anything but a whole number.
pub(super) fn index(text: &str) -> Result<u32, String> {
    let number: i64 = text.parse().map_err(|_| "not a whole number".to_owned())?;
    u32::try_from(number.max(0)).map_err(|_| "no service has so many containers".to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// What stands behind the command's name.
    fn parsed(line: &str) -> ArgMatches {
        let mut matches = matches(words(line)).unwrap();
        matches.remove_subcommand().unwrap().1
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn refused(line: &str) -> String {
        parse(words(line)).err().unwrap().to_string()
    }

    #[test]
    fn flags_take_truth_values() {
        for (line, follows) in [
            ("stack logs -f", true),
            ("stack logs --follow=true", true),
            ("stack logs -f=1 web", true),
            ("stack logs --follow=false", false),
            ("stack logs -f --follow=F", false),
            ("stack logs --follow=0 --follow", true),
        ] {
            assert_eq!(parsed(line).get_one("follow"), Some(&follows), "{line}");
        }
        assert!(refused("stack logs --follow=maybe").contains("use `true` or `false`"));
        assert!(refused("stack logs --follow=false --nosuch").contains("--nosuch"));
        assert!(refused("stack up --help").contains("-d, --detach\n"));
    }

    #[test]
    fn flags_contradict_each_other_by_their_values() {
        for line in [
            "stack up --no-build --build",
            "stack up --no-build=true --build=true",
            "stack run -p 1 --service-ports=1 a",
        ] {
            assert!(refused(line).contains("cannot be used with"), "{line}: {}", refused(line));
        }
        for line in ["stack up --no-build=false --build", "stack run -p 1 --service-ports=0 a"] {
            assert_eq!(parse(words(line)).err().map(|error| error.to_string()), None, "{line}");
        }
    }

    #[test]
    fn what_is_given_twice_counts_once_and_lists_grow() {
        let up = parsed("stack up -d -d --pull never --pull always --scale a=1 --scale b=2 -t 1 -t -1");
        assert_eq!(up.get_one::<String>("pull").map(String::as_str), Some("always"));
        assert_eq!(up.get_many::<String>("scale").map(|all| all.len()), Some(2));
        assert_eq!(up.get_one("timeout"), Some(&Duration::MAX));
        let cli = parse(words("stack -f a -f b -p x -p y ps")).unwrap();
        assert_eq!((cli.global.files.len(), cli.global.project_name.as_deref()), (2, Some("y")));
    }

    #[test]
    fn short_flags_before_a_command_may_have_their_value_with_them() {
        let exec = parsed("stack exec -T=true -uroot -w=/tmp -i=false -eA=b web ls -l");
        assert_eq!((exec.get_one("no_tty"), exec.get_one("interactive")), (Some(&true), Some(&false)));
        assert_eq!(exec.get_one::<String>("user").unwrap(), "root");
        assert_eq!(exec.get_one::<String>("workdir").unwrap(), "/tmp");
        assert_eq!(exec.get_one::<String>("environment").unwrap(), "A=b");
        assert_eq!(exec.get_many::<String>("command").unwrap().collect::<Vec<_>>(), ["web", "ls", "-l"]);
        let run = parsed("stack run --rm -i=false -T web true");
        assert_eq!((run.get_one("no_tty"), run.get_one("interactive")), (Some(&true), Some(&false)));
        assert_eq!(parsed("stack run -Turoot web").get_one::<String>("user").unwrap(), "root");
        assert_eq!(parsed("stack exec --no-TTY web true").get_one("no_tty"), Some(&true));
        let unknown = parsed("stack exec -X=1 web true");
        assert_eq!(unknown.get_many::<String>("command").unwrap().next().unwrap(), "-X=1");
    }

    #[test]
    fn arguments_of_programs_stay_as_they_are() {
        let exec = parsed("stack exec --detach=false web ls --all=true");
        let command: Vec<&String> = exec.get_many("command").unwrap().collect();
        assert_eq!(command, ["web", "ls", "--all=true"]);
        assert_eq!(exec.get_one("detach"), Some(&false));
        let exec = parsed("stack exec web ls -T=true");
        assert_eq!(exec.get_many::<String>("command").unwrap().collect::<Vec<_>>(), ["web", "ls", "-T=true"]);
    }
}
