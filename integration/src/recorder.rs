//! An engine that makes nothing and remembers what it was asked to make: enough of the Engine API for `create`, at any
//! API version. With it two tools are compared by what they send.
#![expect(clippy::indexing_slicing, reason = "a helper of tests fails by panicking")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// Largest body that is taken.
const LARGEST: u64 = 16 * 1024 * 1024;

/// An engine that runs as long as the process, at a socket of its own.
#[derive(Debug)]
pub struct Recorder {
    socket: PathBuf,
    state: Arc<Mutex<State>>,
}

/// What was asked for, by what it is about: `containers/create NAME`, `networks/create NAME`, `networks/connect
/// CONTAINER NETWORK`, `volumes/create NAME`, `archive CONTAINER PATH`, `pull REPOSITORY`.
pub type Asked = BTreeMap<String, Value>;

#[derive(Debug, Default)]
struct State {
    api: String,
    asked: Asked,
    containers: BTreeMap<String, Value>,
    networks: BTreeMap<String, Value>,
    volumes: BTreeMap<String, Value>,
    unknown: Vec<String>,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Recorder {
    /// Starts one that speaks an API version (`1.41`), with its socket in a folder.
    #[must_use]
    pub fn start(folder: &Path, api: &str) -> Self {
        let socket = folder.join(format!("engine-{api}.sock"));
        let listener = UnixListener::bind(&socket).expect("a socket in a folder of our own");
        let state = Arc::new(Mutex::new(State { api: api.to_owned(), ..State::default() }));
        let kept = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                // A client that goes away in the middle is its own concern.
                thread::spawn(move || serve(&stream, &kept));
            }
        });
        Self { socket, state }
    }

    /// For `DOCKER_HOST`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// What was asked for since the last time; everything is forgotten.
    #[must_use]
    pub fn take(&self) -> Asked {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let api = state.api.clone();
        assert!(state.unknown.is_empty(), "the recorder does not know {:?}", state.unknown);
        std::mem::replace(&mut *state, State { api, ..State::default() }).asked
    }
}

fn serve(stream: &UnixStream, state: &Mutex<State>) -> io::Result<()> {
    let mut output = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    while let Some(request) = read(&mut input)? {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, body) = state.answer(&request);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write!(
            output,
            "HTTP/1.1 {status} X\r\napi-version: {}\r\nostype: linux\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            state.api,
            body.len()
        )?;
        if request.method != "HEAD" {
            output.write_all(body.as_bytes())?;
        }
    }
    Ok(())
}

fn read(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // The version in front of the path is the one that was agreed on.
    let path = match path.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
        Some((version, rest)) if version.starts_with("1.") => rest.to_owned(),
        _ => path.trim_start_matches('/').to_owned(),
    };
    let query =
        query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), decoded(value)));
    let mut request =
        Request { method: method.to_owned(), path: decoded(&path), query: query.collect(), body: Vec::new() };
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        input.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => chunked = value.trim() == "chunked",
            _ => {}
        }
    }
    if !chunked {
        input.take(length).read_to_end(&mut request.body)?;
        return Ok(Some(request));
    }
    loop {
        let mut size = String::new();
        input.read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        if request.body.len() as u64 + size > LARGEST {
            return Err(io::Error::other("too much"));
        }
        input.take(size).read_to_end(&mut request.body)?;
        input.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(Some(request));
        }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap_or(b'%')
            }
            other => other,
        };
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An id as the engine's are, made of a name.
fn id(name: &str) -> String {
    let text: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{text:0<64}").chars().take(64).collect()
}

impl State {
    fn answer(&mut self, request: &Request) -> (u16, Value) {
        let parts: Vec<&str> = request.path.split('/').collect();
        let missing = || (404, json!({ "message": "no such object" }));
        match (request.method.as_str(), parts.as_slice()) {
            (_, ["_ping"]) => (200, Value::Null),
            ("GET", ["version"]) => (
                200,
                json!({ "Version": "recorder", "ApiVersion": self.api, "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64" }),
            ),
            ("GET", ["info"]) => (
                200,
                json!({ "OSType": "linux", "Architecture": "x86_64", "Driver": "overlay2", "ServerVersion": "recorder", "Swarm": {} }),
            ),
            ("GET", ["images", "json"]) => (200, json!([image("busybox:stable")])),
            ("GET", ["images", name @ .., "json"]) => (200, image(&name.join("/"))),
            ("POST", ["images", "create"]) => {
                let of = |name: &str| request.query.get(name).cloned().unwrap_or_default();
                let image = of("fromImage");
                self.asked.insert(
                    format!("pull {}", image.trim_start_matches("docker.io/library/")),
                    json!({ "platform": of("platform") }),
                );
                (200, json!({ "status": "done" }))
            }
            ("GET", ["containers", "json"]) => (200, self.listed(&request.query)),
            ("POST", ["containers", "create"]) => self.create_container(request),
            ("GET", ["containers", name, "json"]) => {
                self.containers.values().find(|made| is(made, name)).map_or_else(missing, |made| (200, inspected(made)))
            }
            ("PUT", ["containers", name, "archive"]) => {
                let path = request.query.get("path").cloned().unwrap_or_default();
                let container = self.container_name(name);
                self.asked.insert(format!("archive {container} {path}"), json!(files(&request.body)));
                (200, Value::Null)
            }
            ("GET", ["networks"]) => (200, json!(self.networks.values().collect::<Vec<_>>())),
            ("POST", ["networks", "create"]) => {
                let (name, body) = named(&request.body);
                self.asked.insert(format!("networks/create {name}"), body.clone());
                let mut network = body;
                network["Id"] = json!(id(&name));
                self.networks.insert(name.clone(), network);
                (201, json!({ "Id": id(&name) }))
            }
            ("POST", ["networks", name, "connect"]) => {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let container = self.container_name(body["Container"].as_str().unwrap_or_default());
                let network = self.network_name(name);
                self.asked.insert(format!("networks/connect {container} {network}"), body["EndpointConfig"].clone());
                (200, Value::Null)
            }
            ("POST", ["networks", _, "disconnect"]) => (200, Value::Null),
            ("GET", ["networks", name]) => {
                let name = self.network_name(name);
                self.networks.get(&name).map_or_else(missing, |network| (200, network.clone()))
            }
            ("GET", ["volumes"]) => (200, json!({ "Volumes": self.volumes.values().collect::<Vec<_>>() })),
            ("POST", ["volumes", "create"]) => {
                let (name, body) = named(&request.body);
                self.asked.insert(format!("volumes/create {name}"), body.clone());
                let mut volume = body;
                volume["Mountpoint"] = json!(format!("/volumes/{name}"));
                volume["Scope"] = json!("local");
                if volume["Driver"].is_null() || volume["Driver"] == "" {
                    volume["Driver"] = json!("local");
                }
                for field in ["Options", "Labels"] {
                    if volume[field].is_null() {
                        volume[field] = json!({});
                    }
                }
                self.volumes.insert(name, volume.clone());
                (201, volume)
            }
            ("GET", ["volumes", name]) => self.volumes.get(*name).map_or_else(missing, |volume| (200, volume.clone())),
            ("GET", ["events"]) => (200, Value::Null),
            _ => {
                self.unknown.push(format!("{} {}", request.method, request.path));
                missing()
            }
        }
    }

    fn create_container(&mut self, request: &Request) -> (u16, Value) {
        let name = request.query.get("name").cloned().unwrap_or_default();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        self.asked.insert(format!("containers/create {name}"), body.clone());
        let made = json!({ "Id": id(&name), "Name": name, "Body": body });
        self.containers.insert(name.clone(), made);
        (201, json!({ "Id": id(&name), "Warnings": [] }))
    }

    fn container_name(&self, id: &str) -> String {
        let found = self.containers.iter().find(|(_, made)| is(made, id));
        found.map_or_else(|| id.to_owned(), |(name, _)| name.clone())
    }

    fn network_name(&self, given: &str) -> String {
        let found = self.networks.keys().find(|name| *name == given || id(name) == given);
        found.cloned().unwrap_or_else(|| given.to_owned())
    }

    /// Containers whose labels pass the filters of a query.
    fn listed(&self, query: &BTreeMap<String, String>) -> Value {
        let filters: Value = query.get("filters").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let wanted: Vec<String> = match &filters["label"] {
            Value::Array(labels) => labels.iter().filter_map(|label| label.as_str().map(str::to_owned)).collect(),
            Value::Object(labels) => labels.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let passes = |made: &&Value| {
            wanted.iter().all(|label| match label.split_once('=') {
                Some((name, value)) => made["Body"]["Labels"][name] == value,
                None => !made["Body"]["Labels"][label].is_null(),
            })
        };
        let rows = self.containers.values().filter(passes).map(|made| {
            json!({
                "Id": made["Id"],
                "Names": [format!("/{}", made["Name"].as_str().unwrap_or_default())],
                "Image": made["Body"]["Image"],
                "ImageID": image("busybox:stable")["Id"],
                "State": "created",
                "Status": "Created",
                "Labels": made["Body"]["Labels"],
            })
        });
        Value::Array(rows.collect())
    }
}

fn is(made: &Value, name: &str) -> bool {
    made["Id"] == name || made["Name"] == name
}

fn named(body: &[u8]) -> (String, Value) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    (body["Name"].as_str().unwrap_or_default().to_owned(), body)
}

fn image(name: &str) -> Value {
    json!({
        "Id": format!("sha256:{}", "1".repeat(64)),
        "RepoTags": [name],
        "RepoDigests": [],
        "Architecture": "amd64",
        "Os": "linux",
        "Config": {},
        "RootFS": { "Type": "layers" },
        "Created": "2026-01-01T00:00:00Z",
        "Metadata": { "LastTagTime": "2026-01-01T00:00:00Z" },
    })
}

fn inspected(made: &Value) -> Value {
    let body = &made["Body"];
    json!({
        "Id": made["Id"],
        "Name": format!("/{}", made["Name"].as_str().unwrap_or_default()),
        "Image": image("busybox:stable")["Id"],
        "Created": "2026-01-01T00:00:00Z",
        "State": { "Status": "created" },
        "Config": { "Image": body["Image"], "Labels": body["Labels"], "Env": body["Env"] },
        "HostConfig": { "NetworkMode": body["HostConfig"]["NetworkMode"] },
        "NetworkSettings": { "Networks": {} },
        "Mounts": [],
    })
}

/// Names, owners, modes and sizes of the files of a tar archive (POSIX ustar).
fn files(tar: &[u8]) -> Vec<String> {
    let mut files = Vec::new();
    let mut rest = tar;
    while let Some((header, more)) = rest.split_first_chunk::<512>() {
        let text = |from: usize, length: usize| {
            let bytes = header.get(from..from + length).unwrap_or_default();
            String::from_utf8_lossy(bytes).trim_matches(['\0', ' ']).to_owned()
        };
        let number = |from: usize, length: usize| u64::from_str_radix(&text(from, length), 8).unwrap_or(0);
        if text(0, 100).is_empty() {
            break;
        }
        let size = number(124, 12);
        let kind = text(156, 1);
        if kind == "0" || kind.is_empty() {
            files.push(format!(
                "/{} {}:{} {:o} {size}",
                text(0, 100).trim_start_matches('/'),
                number(108, 8),
                number(116, 8),
                number(100, 8)
            ));
        }
        let skip = usize::try_from(size.div_ceil(512) * 512).unwrap_or(usize::MAX);
        rest = more.get(skip..).unwrap_or_default();
    }
    files.sort();
    files
}
