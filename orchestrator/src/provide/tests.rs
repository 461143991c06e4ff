//! The programs are small scripts.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::messages::{Message, Messages};
use super::{Provision, Refusal, Task, Variables};

/// A folder of plugins, as `DOCKER_CONFIG` names one.
struct Plugins(tempfile::TempDir);

impl Plugins {
    fn new(scripts: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cli-plugins")).unwrap();
        for (name, script) in scripts {
            write_program(&folder.path().join("cli-plugins").join(format!("docker-{name}")), script);
        }
        Self(folder)
    }

    fn provision(&self, task: Task) -> Provision {
        let folder = self.0.path().display().to_string();
        let environment =
            [("DOCKER_CONFIG", folder.as_str()), ("PATH", "/usr/bin:/bin"), ("LOG", &format!("{folder}/log"))];
        Provision {
            task,
            project: "shop".to_owned(),
            environment: Arc::new(environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            place: Some("compose.yaml:3".to_owned()),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.0.path().join("log")).unwrap_or_default()
    }
}

/// Written beside and moved: a file that some other test's child process has open for writing cannot be run.
fn write_program(path: &Path, script: &str) {
    let draft = path.with_extension("draft");
    let made = std::process::Command::new("sh")
        .args(["-c", "cat >\"$0\" && chmod 755 \"$0\" && mv \"$0\" \"$1\""])
        .args([&draft, path])
        .stdin(std::process::Stdio::piped())
        .spawn();
    let mut made = made.unwrap();
    std::io::Write::write_all(&mut made.stdin.take().unwrap(), format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
    assert!(made.wait().unwrap().success());
    assert!(std::fs::metadata(path).unwrap().permissions().mode() & 0o111 != 0);
}

fn database(kind: &str, down: bool) -> Task {
    let options = [("size", vec!["3"]), ("user", vec!["a", "b"])];
    let options = options.map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()));
    Task::Service { name: "d-b".to_owned(), kind: kind.to_owned(), options: options.into(), down }
}

async fn run(provision: &Provision) -> (Result<Variables, Refusal>, Vec<String>) {
    let said = Mutex::new(Vec::new());
    let outcome = provision.run(|text| said.lock().unwrap().push(text.to_owned())).await;
    (outcome, said.into_inner().unwrap())
}

#[tokio::test]
async fn messages_may_come_in_any_pieces() {
    let text = r#"{"type":"info","message":"a"}{"type":"setenv",
        "message":"K=v"}
"#;
    let (mut near, far) = tokio::io::duplex(8);
    let writing = tokio::spawn(async move {
        for byte in text.as_bytes() {
            tokio::io::AsyncWriteExt::write_all(&mut near, &[*byte]).await.unwrap();
        }
    });
    let mut messages = Messages::new(far);
    let message = |kind: &str, text: &str| Message { kind: kind.to_owned(), message: text.to_owned() };
    assert_eq!(messages.next().await, Ok(Some(message("info", "a"))));
    assert_eq!(messages.next().await, Ok(Some(message("setenv", "K=v"))));
    assert_eq!(messages.next().await, Ok(None));
    writing.await.unwrap();
    let why = Messages::new(&b"{\"type\":"[..]).next().await.unwrap_err();
    assert_eq!(why, "`{\"type\":` is not a JSON message: it ends in the middle");
    assert!(Messages::new(&b"hello"[..]).next().await.unwrap_err().starts_with("`hello` is not a JSON message: "));
    let endless = vec![b' '; 3 * 1024 * 1024];
    assert!(Messages::new(&endless[..]).next().await.is_err(), "white space without an end");
}

#[tokio::test]
async fn a_provider_is_called_as_docker_compose_calls_it() {
    let plugins = Plugins::new(&[(
        "base",
        r#"echo "$COMPOSE_PROJECT_NAME: $*" >>"$LOG"
[ "$2" = metadata ] && exit 1
echo '{"type":"info","message":"making it"}'
echo '{"type":"debug","message":"nobody sees this"}'
echo '{"type":"setenv","message":"URL=db://x?a=b"} {"type":"rawsetenv","message":"RAW=1"}'"#,
    )]);
    let (outcome, said) = run(&plugins.provision(database("base", false))).await;
    let set = [("D-B_URL", "db://x?a=b"), ("RAW", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(outcome, Ok(set.into()));
    assert_eq!(said, ["making it"]);
    assert!(run(&plugins.provision(database("base", true))).await.0.is_ok());
    let expected = "shop: compose metadata\nshop: compose --project-name=shop up --size=3 --user=a --user=b d-b\n";
    assert_eq!(plugins.log(), format!("{expected}{}", expected.replace(" up ", " down ")));
    // Not only a plugin: any program, by its path.
    let path = plugins.0.path().join("cli-plugins/docker-base");
    assert!(run(&plugins.provision(database(path.to_str().unwrap(), false))).await.0.is_ok());
}

#[tokio::test]
async fn options_are_those_that_a_provider_says_it_knows() {
    let script = |parameters: &str| {
        format!(
            "echo \"$*\" >>\"$LOG\"\n[ \"$2\" = metadata ] || exit 0\necho '{{\"description\":\"d\",\"up\":{{\"parameters\":[{parameters}]}}}}'"
        )
    };
    let plugins = Plugins::new(&[
        ("some", &script(r#"{"name":"user","required":true}"#)),
        ("more", &script(r#"{"name":"plan","required":true}"#)),
    ]);
    assert!(run(&plugins.provision(database("some", false))).await.0.is_ok());
    assert!(run(&plugins.provision(database("some", true))).await.0.is_ok());
    assert_eq!(
        plugins.log(),
        "compose metadata\ncompose --project-name=shop up --user=a --user=b d-b\n\
         compose metadata\ncompose --project-name=shop down d-b\n"
    );
    let refusal = run(&plugins.provision(database("more", false))).await.0.unwrap_err();
    assert_eq!(refusal.message, "provider `more` of service `d-b` needs the option `plan` (compose.yaml:3)");
    assert_eq!(refusal.hint.as_deref(), Some("add `plan` to `provider.options`"));
}

#[tokio::test]
async fn what_goes_wrong_with_a_provider_is_said() {
    let plugins = Plugins::new(&[
        ("error", r#"[ "$2" = metadata ] || { echo '{"type":"error","message":"no luck"}'; sleep 600; }"#),
        ("code", r#"[ "$2" = metadata ] || { echo "first" >&2; echo "then" >&2; exit 4; }"#),
        ("words", r#"[ "$2" = metadata ] || echo hello"#),
        ("kind", r#"[ "$2" = metadata ] || echo '{"type":"sing","message":""}'"#),
        ("nothing", r#"[ "$2" = metadata ] || echo '{"type":"setenv","message":"A"}'"#),
    ]);
    let cases = [
        ("error", "no luck"),
        ("code", "it ended with exit status: 4\n  first\n  then"),
        ("words", "`hello` is not a JSON message: expected value at line 1 column 1"),
        ("kind", "it says `sing`, which is no kind of message"),
        ("nothing", "`A` sets nothing: it has no `=`"),
    ];
    for (kind, why) in cases {
        let refusal = run(&plugins.provision(database(kind, false))).await.0.unwrap_err();
        assert_eq!(refusal.message, format!("provider `{kind}` of service `d-b` (compose.yaml:3): {why}"));
    }
    let refused =
        |message: &str, hint: Option<&str>| Refusal { message: message.to_owned(), hint: hint.map(str::to_owned) };
    let cases = [
        (
            "absent",
            refused(
                "there is no program `absent`, neither as a plugin of the `docker` command nor in `PATH`, which is to provide \
                 service `d-b` (compose.yaml:3)",
                Some("install it, or name its path"),
            ),
        ),
        (
            "./absent",
            refused(
                "there is no program `./absent`, which is to provide service `d-b` (compose.yaml:3)",
                Some("does the file exist, and may it be executed?"),
            ),
        ),
        ("compose", refused("`compose` is no provider of services (service `d-b`) (compose.yaml:3)", None)),
    ];
    for (kind, expected) in cases {
        assert_eq!(run(&plugins.provision(database(kind, false))).await.0, Err(expected));
    }
}

fn model(name: &str, context_size: i64, flags: &[&str]) -> Task {
    let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
    Task::Model { key: "llm".to_owned(), model: name.to_owned(), context_size, flags }
}

#[tokio::test]
async fn models_are_pulled_where_they_are_not_here_and_configured() {
    let plugins = Plugins::new(&[(
        "model",
        r#"echo "$*" >>"$LOG"
case $1 in
ls) echo '[{"id":"1","tags":["ai/here"],"created":1}]' ;;
pull) echo "half of it" ;;
status) echo '{"running":true,"endpoint":"http://models.test/v1"}' ;;
esac
[ "$2" != ai/bad ] || { echo "no such model" >&2; exit 1; }"#,
    )]);
    let (outcome, said) = run(&plugins.provision(model("ai/here", 4096, &["--a", "b"]))).await;
    assert_eq!((outcome, said), (Ok(Variables::new()), Vec::new()));
    let (outcome, said) = run(&plugins.provision(model("ai/far", 0, &[]))).await;
    assert_eq!((outcome, said), (Ok(Variables::new()), vec!["half of it".to_owned()]));
    assert_eq!(
        plugins.log(),
        "ls --json\nconfigure --context-size 4096 ai/here -- --a b\nls --json\npull ai/far\nconfigure ai/far\n"
    );
    let endpoint = BTreeMap::from([(Provision::ENDPOINT.to_owned(), "http://models.test/v1".to_owned())]);
    assert_eq!(run(&plugins.provision(Task::Endpoint)).await.0, Ok(endpoint));
    let refusal = run(&plugins.provision(model("ai/bad", 0, &[]))).await.0.unwrap_err();
    assert_eq!(refusal.message, "`docker model pull ai/bad` failed: exit status: 1\n  no such model");
    let none = Plugins::new(&[]);
    if super::plugin::plugin("model", &none.provision(Task::Endpoint).environment).is_none() {
        let refusal = run(&none.provision(Task::Endpoint)).await.0.unwrap_err();
        assert_eq!(
            refusal.message,
            "`models` (compose.yaml:3) need the model runner, and its plugin `docker model` is not here"
        );
    }
}
