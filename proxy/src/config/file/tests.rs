use super::*;

fn yaml(text: &str) -> (Configuration, Vec<String>) {
    match parse(Path::new("dynamic.yml"), text) {
        Ok((configuration, problems)) => (configuration, problems.iter().map(ToString::to_string).collect()),
        Err(problem) => (Configuration::default(), vec![problem.to_string()]),
    }
}

#[test]
fn names_count_without_regard_to_case_and_numbers_may_be_texts() {
    let (found, problems) = yaml(
        "http:\n  routers:\n    a: {Rule: 'Host(`a`)', entrypoints: [web, 'x,y'], tls: {}, priority: '7', service: s}\n  \
         services:\n    s: {loadBalancer: {servers: [{url: 'http://h:1'}, {url: 'http://h:2', weight: 2}]}}\n",
    );
    assert_eq!(problems, Vec::<String>::new());
    let router = found.http.routers.get("a").cloned().unwrap_or_default();
    assert_eq!(router.entry_points, ["web", "x,y"]);
    assert_eq!((router.priority, router.tls.is_some()), (7, true));
    let balancer = found.http.services.get("s").and_then(|service| service.load_balancer.clone()).unwrap_or_default();
    assert_eq!(balancer.servers.len(), 2);
}

#[test]
fn a_wrong_object_costs_only_itself() {
    let (found, problems) = yaml(
        "http:\n  routers:\n    a: {rule: 'Host(`a`)', servise: s}\n    b: {rule: 'Host(`b`)', service: s}\n  ruoters: {}\n",
    );
    assert_eq!(found.http.routers.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(
        problems,
        [
            "dynamic.yml: `http.routers.a`: field not found, node: servise (did you mean `service`?); it is left out",
            "dynamic.yml: `http.ruoters`: there is no such section: did you mean `routers`?",
        ]
    );
}

#[test]
fn a_middleware_is_there_by_an_option() {
    let (found, problems) = yaml(
        "http:\n  middlewares:\n    a: {stripPrefix: {}}\n    b: {compress: {}}\n    c: {headers: {customRequestHeaders: {}}}\n    d: {stripPrefix: []}\n",
    );
    assert_eq!(found.http.middlewares.keys().collect::<Vec<_>>(), ["b"]);
    assert!(
        problems.len() == 3 && problems.iter().take(2).all(|line| line.contains("cannot be a standalone element")),
        "{problems:?}"
    );
}

#[test]
fn health_of_members_is_asked_for_by_naming_it() {
    for kind in ["weighted", "highestRandomWeight", "mirroring", "failover"] {
        let (found, problems) = yaml(&format!("http: {{services: {{s: {{{kind}: {{healthCheck: {{}}}}}}}}}}\n"));
        assert!(problems.is_empty() && found.http.services.contains_key("s"), "{kind}: {problems:?}");
    }
}

#[test]
fn a_file_that_cannot_be_parsed_says_where() {
    let (_, problems) = yaml("http:\n  routers: [\n");
    assert!(problems.iter().all(|line| line.contains("line ")) && problems.len() == 1, "{problems:?}");
    let (_, problems) = yaml("a: 1\nb: '{{ envy \"X\" }}'\n");
    assert_eq!(
        problems,
        ["dynamic.yml: template: line 2: function `envy` is not supported, or not with these arguments (a text)"]
    );
    let (_, problems) = yaml("http: [\n{{ print 1 }}\n");
    assert!(
        problems.iter().all(|line| line.starts_with("dynamic.yml: with its templates filled in: ")),
        "{problems:?}"
    );
}

#[test]
fn the_first_file_and_the_first_document_hold() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let service = |url: &str| {
        format!("http: {{services: {{s: {{loadBalancer: {{servers: [{{url: '{url}', weight: 2.0}}]}}}}}}}}\n")
    };
    fs::write(folder.path().join("a.yml"), format!("{}---\n{}", service("http://one"), service("http://two")))?;
    fs::write(folder.path().join("b.yml"), service("http://three"))?;
    let (found, problems) = read(folder.path(), &BTreeMap::new()).map_err(std::io::Error::other)?;
    let balancer = found.http.services.get("s").and_then(|service| service.load_balancer.as_ref());
    let servers: Vec<_> = balancer.into_iter().flat_map(|balancer| &balancer.servers).collect();
    assert_eq!(
        servers.iter().map(|server| (server.url.as_str(), server.weight)).collect::<Vec<_>>(),
        [("http://one", Some(2))]
    );
    let told: Vec<String> = problems.iter().map(|problem| format!("{} {}", problem.object, problem.reason)).collect();
    assert_eq!(
        told,
        [
            " only the first of its documents (up to the first `---`) is read",
            "http.services.s it is defined in another file already, and that one holds",
        ]
    );
    Ok(())
}

#[test]
fn templates_are_filled_in() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let text = "http:\n  routers:\n{{ range $name := split (env \"APPS\") \",\" }}    {{ $name }}: \
                {rule: 'Host(`{{ $name }}.{{ env \"DOMAIN\" }}`)', service: s}\n{{ end }}";
    fs::write(folder.path().join("apps.yml"), text)?;
    let environment = [("APPS", "one,two"), ("DOMAIN", "example.com")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let (found, problems) = read(folder.path(), &environment).map_err(std::io::Error::other)?;
    assert_eq!(problems, []);
    let rules: Vec<&str> = found.http.routers.values().map(|router| router.rule.as_str()).collect();
    assert_eq!(rules, ["Host(`one.example.com`)", "Host(`two.example.com`)"]);
    Ok(())
}

#[test]
fn toml_means_the_same() {
    let text =
        "[http.routers.a]\nrule = 'Host(`a`)'\nservice = 's'\n[[tls.certificates]]\ncertFile = 'c'\nkeyFile = 'k'\n";
    let found = parse(Path::new("x.toml"), text).map(|(found, _)| found).unwrap_or_default();
    assert_eq!(found.http.routers.len(), 1);
    assert_eq!(found.tls.certificates.len(), 1);
}
