use super::clean_path;

#[test]
fn cleans_paths() {
    for (path, clean) in
        [("/d/../e/", "/e"), ("a/./b//c", "a/b/c"), ("../x", "../x"), ("/..", "/"), ("", "."), ("v:/v", "v:/v")]
    {
        assert_eq!(clean_path(path), clean);
    }
}
