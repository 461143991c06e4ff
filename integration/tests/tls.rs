//! An engine that is reached over TCP, and that wants a certificate of whoever asks.

use std::path::Path;
use std::process::Command;

use integration::{PrivateEngine, Run, Scenario, run};

/// Authorities, a certificate of the engine for 127.0.0.1, one of the client; and a client of another authority.
const CERTIFICATES: &str = r#"set -e; cd "$1"
for who in ours theirs; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -days 2 -keyout $who.key -out $who.pem
done
sign() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout $1-key.pem -out $1.csr
  printf "%s\n" "$3" >$1.ext
  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 2 -extfile $1.ext -out $1.pem
}
sign engine ours "subjectAltName=IP:127.0.0.1
extendedKeyUsage=serverAuth"
sign client ours "extendedKeyUsage=clientAuth"
sign stranger theirs "extendedKeyUsage=clientAuth"
for who in client stranger; do
  mkdir $who
  cp ours.pem $who/ca.pem; cp $who.pem $who/cert.pem; cp $who-key.pem $who/key.pem
done
mkdir nobody wrong
cp ours.pem nobody/ca.pem
cp client/* wrong/; cp theirs.pem wrong/ca.pem"#;

#[test]
fn an_engine_may_be_reached_by_tls() {
    let Some(s) = Scenario::new("tls") else { return };
    let made = run(Command::new("bash").args(["-c", CERTIFICATES, "sh"]).arg(s.folder()));
    assert!(made.code() == 0, "{made}");
    let flags = |_: &Path| {
        let file = |name: &str| s.folder().join(name).display().to_string();
        let flags = [
            "--host=tcp://127.0.0.1:2376".to_owned(),
            "--tlsverify".to_owned(),
            format!("--tlscacert={}", file("ours.pem")),
            format!("--tlscert={}", file("engine.pem")),
            format!("--tlskey={}", file("engine-key.pem")),
        ];
        flags.to_vec()
    };
    let Some(engine) = PrivateEngine::with("tls", &["busybox:stable"], flags) else { return };
    s.compose_file("services:\n  app:\n    image: busybox:stable\n    command: [sh, -c, 'echo started; exec sleep 1000']\n    stop_signal: SIGKILL\n");
    let stack = |who: &str, host: &str, words: &[&str]| -> Run {
        let mut command = engine.inside(&integration::scenario::stack().to_string_lossy());
        command.args(words).current_dir(s.folder());
        command.env("DOCKER_HOST", host).env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", s.folder().join(who));
        run(&mut command)
    };
    let address = "tcp://127.0.0.1:2376";
    let _ = stack("client", address, &["up", "-d"]).ok();
    // Streams, a connection that is taken over, an archive.
    let _ = stack("client", address, &["logs"]).ok().says("app-1  | started");
    assert_eq!(stack("client", address, &["exec", "-T", "app", "echo", "inside"]).ok().stdout, "inside\n");
    let _ = stack("client", address, &["cp", "docker-compose.yml", "app:/tmp/"]).ok();
    let copied = stack("client", address, &["exec", "-T", "app", "cat", "/tmp/docker-compose.yml"]).ok().stdout;
    assert!(copied.starts_with("services:"), "{copied}");

    let _ = stack("wrong", address, &["ps"]).exits(1).says("no authority in `ca.pem`");
    let _ = stack("client", "tcp://localhost:2376", &["ps"]).exits(1).says("other names than the one");
    let _ = stack("nobody", address, &["ps"]).exits(1).says("the engine wants a certificate of ours");
    let refused = stack("stranger", address, &["ps"]).exits(1);
    let _ = refused.says("the engine does not accept our certificate");
    let _ = stack("client", address, &["down"]).ok();
}
