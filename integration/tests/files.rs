//! Files in and out of containers: `cp` and `export`, beside Docker Compose's `cp` where it can be had.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use integration::command::run;
use integration::engine::docker;
use integration::{Run, Scenario};

/// Two replicas that run, and a service that has ended.
const FILE: &str = r#"
services:
  web:
    image: busybox:stable
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    scale: 2
  off:
    image: busybox:stable
    command: ["true"]
"#;

/// The project runs, and its folder holds things to copy.
fn prepared(name: &str) -> Option<Scenario> {
    let s = Scenario::new(name)?;
    s.compose_file(FILE);
    s.write("one.txt", "one\n");
    s.write("src/f", "hi\n");
    s.write("src/sub/g", "x\n");
    fs::set_permissions(s.folder().join("src/f"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("f", s.folder().join("src/link")).unwrap();
    symlink("src", s.folder().join("srclink")).unwrap();
    let _ = s.stack(["up", "-d"]).ok();
    Some(s)
}

/// Runs a script in a container.
fn inside(container: &str, script: &str) -> Run {
    docker(["exec", container, "sh", "-c", script])
}

/// Everything below a folder of a container: names, modes, links, sizes.
fn listing(container: &str, folder: &str) -> String {
    let script = format!("cd {folder} && find . | sort | while read f; do stat -c '%N %a %F' $f; done");
    inside(container, &script).ok().stdout
}

/// The same of a folder of this host.
fn local_listing(s: &Scenario, folder: &str) -> String {
    let script = "find . | sort | while read f; do stat -c '%N %a %F' $f; done";
    run(Command::new("sh").args(["-c", script]).current_dir(s.folder().join(folder))).ok().stdout
}

#[test]
fn cp_copies_as_docker_compose_does() {
    let Some(s) = prepared("cp") else { return };
    let mut mismatches = Vec::new();
    // Each line is run by both tools, in containers and folders that are empty before; what is there after, and the exit
    // codes, have to be the same.
    let table: [[&str; 4]; 23] = [
        ["cp", "--index=1", "one.txt", "web:/t/"],
        ["cp", "--index=1", "one.txt", "web:/t/new"],
        ["cp", "--index=1", "one.txt", "web:/t/none/"],
        ["cp", "--index=1", "one.txt", "web:/none/x"],
        ["cp", "--index=1", "one.txt", "web:/t/old"],
        ["cp", "--index=1", "src", "web:/t"],
        ["cp", "--index=1", "src", "web:/t/new"],
        ["cp", "--index=1", "src/.", "web:/t/new"],
        ["cp", "--index=1", "src/.", "web:/t"],
        ["cp", "--index=1", "src", "web:/t/old"],
        ["cp", "--index=1", "srclink", "web:/t/l"],
        ["cp", "--index=1", "srclink/", "web:/t/l"],
        ["cp", "-L", "srclink", "web:/t/l"],
        ["cp", "--index=1", "one.txt", "web:/t/to-folder"],
        ["cp", "--index=1", "web:/data", "out"],
        ["cp", "--index=1", "web:/data/.", "out/new"],
        ["cp", "--index=1", "web:/data/.", "out"],
        ["cp", "--index=1", "web:/data/f", "out/new"],
        ["cp", "--index=1", "web:/data/f", "out/none/"],
        ["cp", "--index=1", "web:/data/link", "out/"],
        ["cp", "-L", "web:/data/link", "out/"],
        ["cp", "--index=1", "web:/data", "out/old"],
        ["cp", "--index=1", "web:/data/none", "out"],
    ];
    let containers = s.containers("web");
    for arguments in table {
        let reset = || {
            for container in &containers {
                let _ = inside(
                    container,
                    "rm -rf /t /data; mkdir -p /t/folder /data/sub; echo old >/t/old; ln -s folder /t/to-folder; \
                     echo data >/data/f; ln -s f /data/link; echo g >/data/sub/g; chmod 600 /data/f",
                )
                .ok();
            }
            let _ = fs::remove_dir_all(s.folder().join("out"));
            s.write("out/old", "old\n");
        };
        let after = |code: i32| {
            let inside: String = containers.iter().map(|container| listing(container, "/t")).collect();
            format!("exit code {code}\n{inside}{}", local_listing(&s, "out"))
        };
        reset();
        let Some(theirs) = s.compose(arguments) else { return };
        let theirs_after = after(theirs.code());
        reset();
        let ours = s.stack(arguments);
        let ours_after = after(ours.code());
        if ours_after != theirs_after {
            mismatches.push(format!("{arguments:?}\ntheirs: {theirs}\n{theirs_after}\nours: {ours}\n{ours_after}"));
        }
    }
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n\n"));
}

#[test]
fn cp_reaches_all_replicas_and_streams() {
    let Some(s) = prepared("cp-all") else { return };
    let containers = s.containers("web");
    let _ = s.stack(["cp", "one.txt", "web:/tmp"]).ok();
    for container in &containers {
        assert_eq!(inside(container, "cat /tmp/one.txt").ok().stdout, "one\n");
    }
    // One archive on standard input reaches all of them as well, and a large one comes through.
    let stack = integration::scenario::stack();
    let script = format!(
        "head -c 50000000 /dev/zero >src/big && tar c src | {0} cp - web:/tmp && {0} cp --index 2 web:/tmp/src - | tar tv",
        stack.display()
    );
    let piped = run(Command::new("sh").args(["-c", &script]).current_dir(s.folder())).ok();
    assert!(piped.stdout.contains("50000000") && piped.stdout.contains("src/link -> f"), "{piped}");
    for container in &containers {
        assert_eq!(inside(container, "stat -c %s /tmp/src/big").ok().stdout, "50000000\n");
    }
    // A container that has ended has files, too.
    let _ = s.stack(["cp", "off:/etc/passwd", "passwd"]).ok();
    assert!(fs::read_to_string(s.folder().join("passwd")).unwrap().contains("root"));
    let _ = s.stack(["cp", "one.txt", "off:/"]).ok();
    // Failures name the container and the way out.
    let failed = s.stack(["cp", "one.txt", "web:/none/x"]);
    assert_eq!(failed.code(), 1);
    assert!(failed.stderr.contains("there is no folder /none in the container"), "{failed}");
    assert!(failed.stderr.contains("stack exec web mkdir -p /none"), "{failed}");
    let dry = s.stack(["cp", "--dry-run", "one.txt", "web:/dry"]).ok();
    assert_eq!(dry.stdout.lines().count(), 2, "{dry}");
    assert!(dry.stdout.lines().all(|line| line.starts_with("DRY-RUN MODE - copy one.txt to ")), "{dry}");
    assert!(containers.iter().all(|container| inside(container, "test -e /dry").code() == 1));
}

#[test]
fn cp_from_a_hostile_container_stays_in_its_folder() {
    let Some(s) = prepared("cp-evil") else { return };
    let container = s.containers("web").remove(0);
    fs::create_dir(s.folder().join("outside")).unwrap();
    let outside = s.folder().join("outside");
    let script = format!(
        "mkdir -p /evil && cd /evil && ln -s {} d && ln -s ../../outside e && mknod dev c 1 3 && \
         echo x >f && chmod 4755 f",
        outside.display()
    );
    let _ = inside(&container, &script).ok();
    let copied = s.stack(["cp", "--index", "1", "web:/evil", "out"]).ok();
    assert!(copied.stderr.contains("dev is a device: left out"), "{copied}");
    assert_eq!(local_listing(&s, "out").lines().count(), 4, "{}", local_listing(&s, "out"));
    let mode = fs::metadata(s.folder().join("out/f")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "nobody acts as root because of a container");
    // The links are there now; a second copy brings folders of their names, which must not be written through.
    let _ = inside(&container, "cd /evil && rm d e && mkdir d e && echo evil >d/new && echo evil >e/new").ok();
    let refused = s.stack(["cp", "--index", "1", "web:/evil/.", "out"]);
    assert_eq!(refused.code(), 1, "{refused}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{refused}");
}

#[test]
fn export_writes_all_files() {
    let Some(s) = prepared("export") else { return };
    let _ = s.stack(["export", "-o", "web.tar", "--index", "2", "web"]).ok().says("Exported");
    let names = run(Command::new("tar").arg("tf").arg(s.folder().join("web.tar"))).ok().stdout;
    assert!(names.lines().any(|name| name == "bin/busybox" || name == "usr/bin/busybox"), "{names}");
    let script = format!("{} export off | tar t | wc -l", integration::scenario::stack().display());
    let piped = run(Command::new("sh").args(["-c", &script]).current_dir(s.folder())).ok();
    assert!(piped.stdout.trim().parse::<u32>().unwrap() > 5, "{piped}");
    // What was there stays, and nothing is left beside it, when an export is interrupted.
    s.write("kept.tar", "kept");
    let mut interrupted = s.stack_in_background(["export", "-o", "kept.tar", "web"]);
    interrupted.until_it_says("Exporting");
    interrupted.signal("INT");
    let _ = interrupted.wait(std::time::Duration::from_secs(60));
    assert!(fs::metadata(s.folder().join("kept.tar")).unwrap().len() > 0);
    let beside = fs::read_dir(s.folder())
        .unwrap()
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(".export-")));
    assert_eq!(beside.count(), 0);
    let terminal = format!("{} export web", integration::scenario::stack().display());
    let refused = run(Command::new("script").args(["-qec", &terminal, "/dev/null"]).current_dir(s.folder()));
    assert!(refused.code() == 1 && refused.stdout.contains("standard output is a terminal"), "{refused}");
    let _ = s.stack(["export", "--dry-run", "-o", "dry.tar", "web"]).ok().says("DRY-RUN MODE - export ");
    assert!(!s.folder().join("dry.tar").exists());
}
