#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::context::{Context, Dockerfile};
use super::tail::Tail;
use super::{buildkit_instruction, dockerfile};
use crate::backend::docker::build::cleaned;
use crate::backend::docker::transport::Call;
use crate::ignore::Ignore;

#[test]
fn ignore_patterns_follow_docker() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("target", &["target", "target/a/b"], &["a/target", "targets"]),
        ("/target/", &["target"], &["a/target"]),
        ("**/target", &["target", "a/target", "a/b/target/c"], &["a/targets"]),
        ("*.md", &["a.md"], &["x/a.md", "a.mdx"]),
        ("**/*.md", &["a.md", "x/y/a.md"], &["a.txt"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "ab"]),
        ("a/**/z", &["a/z", "a/b/z", "a/b/c/z"], &["az", "a/bz"]),
        ("?.txt", &["a.txt"], &["ab.txt", "/.txt"]),
        ("[a-c]x", &["ax", "cx"], &["dx"]),
        ("[^a-c]x", &["dx"], &["ax"]),
        ("\\*", &["*"], &["a"]),
        ("*\n!keep", &["a", "a/b"], &["keep", "keep/x"]),
        ("*\n!a/keep\na/keep/not", &["a", "a/x", "a/keep/not"], &["a/keep", "a/keep/y"]),
        ("# comment\n\n  b  ", &["b"], &["# comment"]),
        ("./x/../y", &["y"], &["x"]),
        ("[!b]", &["b", "!"], &["a"]),
        ("[\\]\\-]", &["]", "-"], &["\\"]),
        (".git", &[".git/config"], &[".gitignore"]),
    ];
    for (patterns, out, kept) in cases {
        let ignore = Ignore::parse(patterns).unwrap();
        for path in *out {
            assert!(ignore.leaves_out(path), "{patterns:?} should leave out {path}");
        }
        for path in *kept {
            assert!(!ignore.leaves_out(path), "{patterns:?} should keep {path}");
        }
    }
    for pattern in ["[", "[a", "[]", "[]a]", "[-a]", "[a-]", "a\\"] {
        let broken = Ignore::parse(&format!("fine\n{pattern}\n")).unwrap_err();
        assert!(broken.to_string().contains(&format!("`{pattern}`")), "{broken}");
    }
}

/// A folder with files; a name that ends in `/` is an empty folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        if name.ends_with('/') {
            std::fs::create_dir_all(path).unwrap();
            continue;
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn sent(folder: &Path, dockerfile: Dockerfile) -> BTreeMap<String, String> {
    let mut bytes = Vec::new();
    Context { folder: folder.to_path_buf(), dockerfile }.write(&mut bytes).unwrap();
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0));
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut text = String::new();
        match entry.link_name().unwrap() {
            Some(target) => text = format!("-> {}", target.display()),
            None => {
                std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
            }
        }
        found.insert(path, text);
    }
    found
}

fn names(found: &BTreeMap<String, String>) -> Vec<&str> {
    found.keys().map(String::as_str).collect()
}

#[test]
fn the_context_leaves_out_what_it_is_told_to() {
    let folder = folder(&[
        (".dockerignore", "*\n!src\n!**/keep.txt\nsrc/secret\n"),
        ("Dockerfile", "FROM scratch"),
        ("src/main.py", "print()"),
        ("src/secret", "s"),
        ("deep/down/keep.txt", "k"),
        ("deep/down/drop.txt", "d"),
        ("empty/", ""),
    ]);
    std::os::unix::fs::symlink("main.py", folder.path().join("src/link")).unwrap();
    let inside = Dockerfile::Inside { path: PathBuf::from("Dockerfile"), ignore: None };
    let found = sent(folder.path(), inside);
    let expected = [".dockerignore", "Dockerfile", "deep/down/keep.txt", "src", "src/link", "src/main.py"];
    assert_eq!(names(&found).iter().map(|name| name.trim_end_matches('/')).collect::<Vec<_>>(), expected);
    assert_eq!(found.get("src/link").unwrap(), "-> main.py");
    assert_eq!(found.get("src/main.py").unwrap(), "print()");
}

#[test]
fn a_dockerfile_from_elsewhere_travels_along_with_its_patterns() {
    let folder = folder(&[(".dockerignore", "b"), ("a", "1"), ("b", "2")]);
    let foreign = Dockerfile::Foreign { text: b"FROM scratch".to_vec(), ignore: Some("a".to_owned()) };
    let found = sent(folder.path(), foreign);
    assert_eq!(names(&found), [".dockerfile.stack", ".dockerignore", "b"]);
}

#[test]
fn long_names_survive() {
    let name = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let folder = folder(&[(&name, "x"), ("Dockerfile", "")]);
    let found = sent(folder.path(), Dockerfile::Inside { path: PathBuf::from("Dockerfile"), ignore: None });
    assert_eq!(found.get(&name).unwrap(), "x");
}

#[test]
fn buildkits_instructions_are_found() {
    let found = |text: &str| buildkit_instruction(text);
    assert_eq!(found("FROM a\nRUN --mount=type=cache,target=/x make\n"), Some((2, "RUN --mount".to_owned())));
    assert_eq!(found("copy --link a b"), Some((1, "COPY --link".to_owned())));
    assert_eq!(found("RUN <<EOF\nls\nEOF"), Some((1, "RUN <<".to_owned())));
    assert_eq!(found("FROM --platform=linux/amd64 a\nRUN cat --mount x\nCOPY --from=a --chown=1 x y"), None);
}

#[test]
fn a_failure_shows_the_end_of_its_step() {
    let mut tail = Tail::default();
    assert_eq!(
        tail.push("Step 1/2 : FROM a\n ---> 123\nold\nStep 2/2 : RUN ma"),
        ["Step 1/2 : FROM a", " ---> 123", "old"]
    );
    tail.push("ke\n ---> Running in 456\ncc: not found\nmake: *** [all]");
    assert_eq!(
        tail.explain("The command '/bin/sh -c make' returned a non-zero code: 2"),
        "The command '/bin/sh -c make' returned a non-zero code: 2\n  Step 2/2 : RUN make\n  | cc: not found\n  | make: *** [all]"
    );
}

#[test]
fn paths_are_cleaned_without_the_file_system() {
    assert_eq!(cleaned(Path::new("/a/b/../c/./d")), PathBuf::from("/a/c/d"));
}

#[tokio::test]
async fn a_dockerfile_that_is_a_link_counts_for_what_it_names() {
    let outside = folder(&[("Outside", "FROM x\n"), ("context/sub/In", "FROM x\n")]);
    let context = outside.path().join("context");
    for (link, to) in [("Dockerfile", "../Outside"), ("Inside", "sub/In")] {
        std::os::unix::fs::symlink(to, context.join(link)).unwrap();
    }
    let call = Call { name: "build image", object: "app", limit: None };
    let find = async |name: &str| {
        let build = compose_schema::model::Build { dockerfile: name.to_owned(), ..Default::default() };
        dockerfile(call, &build, &context, "nobody asks").await
    };
    assert!(matches!(find("").await, Ok(Dockerfile::Foreign { text, .. }) if text == b"FROM x\n"));
    assert!(matches!(find("Inside").await, Ok(Dockerfile::Inside { path, .. }) if path == Path::new("sub/In")));
    std::fs::write(context.join("Inside.dockerignore"), [b'a', 0xff]).unwrap();
    let refused = find("Inside").await.err().unwrap();
    assert!(refused.message.contains("Inside.dockerignore"), "what is to stay here is not known: {}", refused.message);
    std::fs::write(context.join("New"), "FROM x\nRUN --mount=type=cache,target=/c true\n").unwrap();
    let refused = find("New").await.err().unwrap();
    assert!(refused.message.ends_with("New:2: `RUN --mount` needs BuildKit, and nobody asks"), "{}", refused.message);
}
