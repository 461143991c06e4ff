//! The command line as a whole: beside Docker Compose's, and beside the README.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use clap::CommandFactory as _;

use super::{Cli, refused};

/// Commands and flags of Docker Compose 2.40.3, a line each; `compose` stands for the flags before the command.
const COMPOSE: &str = "\
compose: --all-resources --ansi --compatibility --dry-run --env-file -f/--file --parallel --profile --progress \
--project-directory -p/--project-name --verbose -v/--version --no-ansi --workdir -H/--host --context -D/--debug
attach: --detach-keys --index --no-stdin --sig-proxy
build: --build-arg --builder --check -m/--memory --no-cache --print --provenance --pull --push -q/--quiet --sbom --ssh \
--with-dependencies --progress --force-rm --no-rm --compress --parallel
commit: -a/--author -c/--change --index -m/--message -p/--pause
config: --environment --format --hash --images --lock-image-digests --models --networks --no-consistency \
--no-env-resolution --no-interpolate --no-normalize --no-path-resolution -o/--output --profiles -q/--quiet \
--resolve-image-digests --services --variables --volumes
cp: --all -a/--archive -L/--follow-link --index
create: --build --force-recreate --no-build --no-recreate --pull --quiet-pull --remove-orphans --scale -y/--yes
down: --remove-orphans --rmi -t/--timeout -v/--volumes
events: --json --since --until
exec: -d/--detach -e/--env --index -T/--no-tty --privileged -u/--user -w/--workdir -i/--interactive -t/--tty
export: --index -o/--output
images: --format -q/--quiet
kill: --remove-orphans -s/--signal
logs: -f/--follow --index --no-color --no-log-prefix --since -n/--tail -t/--timestamps --until
ls: -a/--all --filter --format -q/--quiet
pause:
port: --index --protocol
ps: -a/--all --filter --format --no-trunc --orphans -q/--quiet --services --status
publish:
pull: --ignore-buildable --ignore-pull-failures --include-deps --policy -q/--quiet
push: --ignore-push-failures --include-deps -q/--quiet
restart: --no-deps -t/--timeout
rm: -a/--all -f/--force -s/--stop -v/--volumes
run: --build --cap-add --cap-drop -d/--detach --entrypoint -e/--env --env-from-file -i/--interactive -l/--label --name \
-T --no-deps -p/--publish --pull -q/--quiet --quiet-build --quiet-pull --remove-orphans --rm -P/--service-ports \
--use-aliases -u/--user -v/--volume -w/--workdir
scale: --no-deps
start:
stats: -a/--all --format --no-stream --no-trunc
stop: -t/--timeout
top:
unpause:
up: --abort-on-container-exit --abort-on-container-failure --always-recreate-deps --attach --attach-dependencies \
--build -d/--detach --exit-code-from --force-recreate --menu --no-attach --no-build --no-color --no-deps \
--no-log-prefix --no-recreate --no-start --pull --quiet-build --quiet-pull --remove-orphans \
-V/--renew-anon-volumes --scale -t/--timeout --timestamps --wait --wait-timeout -w/--watch -y/--yes
version: -f/--format --short
volumes: --format -q/--quiet
wait: --down-project
watch: --no-up --prune --quiet
bridge:
alpha:
";

/// Every way to write a command's flags, hidden ones too: a flag that is refused by name is known.
fn known(command: &clap::Command) -> BTreeSet<String> {
    let longs = |arg: &clap::Arg| {
        arg.get_long_and_visible_aliases()
            .into_iter()
            .flatten()
            .chain(arg.get_all_aliases().into_iter().flatten())
            .map(|long| format!("--{long}"))
            .collect::<Vec<_>>()
    };
    let shorts = |arg: &clap::Arg| {
        arg.get_short_and_visible_aliases()
            .into_iter()
            .flatten()
            .chain(arg.get_all_short_aliases().into_iter().flatten())
            .map(|short| format!("-{short}"))
            .collect::<Vec<_>>()
    };
    command.get_arguments().flat_map(|arg| longs(arg).into_iter().chain(shorts(arg))).collect()
}

#[test]
fn commands_and_flags_of_docker_compose_are_known() {
    let mut cli = Cli::command();
    cli.build();
    let mut missing = Vec::new();
    for line in COMPOSE.lines() {
        let (name, flags) = line.split_once(':').unwrap();
        let command = if name == "compose" { Some(&cli) } else { cli.find_subcommand(name) };
        let Some(command) = command else {
            assert!(refused::command(name).is_some(), "`{name}` is neither there nor refused by name");
            continue;
        };
        let known = known(command);
        let flags = flags.split_whitespace().flat_map(|flag| flag.split('/'));
        missing.extend(flags.filter(|flag| !known.contains(*flag)).map(|flag| format!("{name} {flag}")));
    }
    assert!(missing.is_empty(), "unknown: {missing:?}");
}

/// The README's table, as it has to be: what `--help` shows.
fn table() -> String {
    let mut cli = Cli::command();
    cli.build();
    let flags = |command: &clap::Command| {
        let words =
            command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional()).filter_map(|arg| {
                // On every command, and said once.
                let everywhere = matches!(arg.get_id().as_str(), "help" | "dry_run");
                let long = arg.get_long().filter(|_| !everywhere)?;
                Some(arg.get_short().map_or_else(|| format!("`--{long}`"), |short| format!("`-{short}` `--{long}`")))
            });
        words.collect::<Vec<_>>().join(", ")
    };
    let mut lines = vec!["| command | flags |".to_owned(), "| --- | --- |".to_owned()];
    lines.push(format!("| before any | {}, `--dry-run`, `-h` `--help` |", flags(&cli)));
    // Arguments that are flags of another program's.
    let others = |command: &clap::Command| {
        let theirs =
            command.get_arguments().find(|arg| arg.is_trailing_var_arg_set() && arg.is_allow_hyphen_values_set());
        theirs.filter(|_| command.get_name() == "gateway").and_then(|arg| arg.get_help()).map(ToString::to_string)
    };
    fn shown(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
        command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
    }
    for command in shown(&cli) {
        let rows: Vec<_> = match shown(command).next() {
            None => vec![(command.get_name().to_owned(), command)],
            Some(_) => {
                shown(command).map(|part| (format!("{} {}", command.get_name(), part.get_name()), part)).collect()
            }
        };
        for (name, command) in rows {
            let flags = others(command).unwrap_or_else(|| flags(command));
            lines.push(format!("| `{name}` | {flags} |").replace("|  |", "| |"));
        }
    }
    lines.join("\n")
}

#[test]
fn the_readme_lists_all_commands_and_flags() {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("<!-- commands -->\n").expect("the beginning of the table");
    let (found, _) = rest.split_once("<!-- end of commands -->").expect("its end");
    let table = table();
    assert!(found.trim_end() == table, "put this between the marks in README.md:\n{table}");
}
