#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;

use super::{Filter, Verdict, clean};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn only_what_is_asked_for_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let filter = Filter { includes: texts(&["a/b"]), excludes: texts(&["a/b/no", "*.md"]), follow: Vec::new() };
    let choice = filter.choice(folder.path()).unwrap();
    let cases = [
        ("a", true, Verdict::Pass),
        ("a/b", true, Verdict::Send),
        ("a/b/c", false, Verdict::Send),
        ("a/b/no", true, Verdict::Skip),
        ("a/c", true, Verdict::Skip),
        ("x.md", false, Verdict::Skip),
        ("z", false, Verdict::Skip),
    ];
    for (path, is_folder, verdict) in cases {
        assert_eq!(choice.verdict(path, is_folder), verdict, "{path}");
    }
}

#[test]
fn without_a_choice_everything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let choice = Filter::default().choice(folder.path()).unwrap();
    assert_eq!(choice.verdict("a/b", false), Verdict::Send);
    // The whole folder and some of its files: the whole folder.
    let filter = Filter { follow: texts(&["/", "a"]), ..Filter::default() };
    assert_eq!(filter.choice(folder.path()).unwrap().verdict("z", false), Verdict::Send);
}

#[test]
fn what_is_left_out_may_be_taken_back_in() {
    let folder = tempfile::tempdir().unwrap();
    let filter = Filter { excludes: texts(&["*", "!a/keep"]), ..Filter::default() };
    let choice = filter.choice(folder.path()).unwrap();
    assert_eq!(choice.verdict("a", true), Verdict::Pass);
    assert_eq!(choice.verdict("a/keep", false), Verdict::Send);
    assert_eq!(choice.verdict("a/other", false), Verdict::Skip);
    assert_eq!(choice.verdict("b", true), Verdict::Skip);
}

#[test]
fn links_are_followed_inside_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir_all(root.join("real/deep")).unwrap();
    std::fs::write(root.join("real/deep/file"), "").unwrap();
    symlink("real", root.join("link")).unwrap();
    symlink("../../../../etc/passwd", root.join("out")).unwrap();
    symlink("loop2", root.join("loop1")).unwrap();
    symlink("loop1", root.join("loop2")).unwrap();
    symlink("/real/deep", root.join("lib.so")).unwrap();
    let filter =
        Filter { follow: texts(&["link/deep/file", "out", "loop1", "lib*", "not/there"]), ..Filter::default() };
    let choice = filter.choice(root).unwrap();
    for sent in ["link", "real/deep/file", "out", "loop1", "loop2", "lib.so", "lib2", "real/deep"] {
        assert_eq!(choice.verdict(sent, false), Verdict::Send, "{sent}");
    }
    assert_eq!(choice.verdict("real/other", false), Verdict::Skip);
    assert_eq!(choice.verdict("real", true), Verdict::Pass);
}

#[test]
fn paths_never_leave_the_folder() {
    assert_eq!(clean("a/b", "../../../c/./d"), "c/d");
    assert_eq!(clean("", "/"), "");
}
