//! What a build says: steps as they begin and end, their output, warnings; at a failure, the line of the Dockerfile.
//!
//! Steps run beside each other; their lines carry a number, as `docker build --progress plain` has it.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use base64::Engine as _;
use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::google::rpc;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning};
use prost::Message as _;
use serde::Deserialize;

use super::grpc::Status;
use crate::backend::{Progress, ProgressSink};

/// Lines of a failing step that its message shows.
const SHOWN: usize = 20;
/// Longest line that is kept together.
const LONGEST: usize = 64 * 1024;

/// The display of one build.
pub(super) struct Display {
    progress: ProgressSink,
    steps: HashMap<String, Step>,
    /// The step that failed first.
    failed: Option<String>,
}

#[derive(Default)]
struct Step {
    number: usize,
    name: String,
    begun: bool,
    ended: bool,
    partial: Vec<u8>,
    last: VecDeque<String>,
}

impl Display {
    pub(super) fn new(progress: ProgressSink) -> Self {
        Self { progress, steps: HashMap::new(), failed: None }
    }

    /// Shows what is new.
    pub(super) fn show(&mut self, response: &StatusResponse) {
        for vertex in &response.vertexes {
            self.begin(vertex);
        }
        for status in &response.statuses {
            self.part(status);
        }
        for log in &response.logs {
            self.log(log);
        }
        for warning in &response.warnings {
            self.line(format!("warning: {}", describe(warning)));
        }
        for vertex in &response.vertexes {
            self.end(vertex);
        }
    }

    fn line(&self, text: String) {
        (self.progress)(Progress::Line(text));
    }

    fn step(&mut self, digest: &str) -> &mut Step {
        let number = self.steps.len() + 1;
        self.steps.entry(digest.to_owned()).or_insert_with(|| Step { number, ..Step::default() })
    }

    fn begin(&mut self, vertex: &Vertex) {
        // Steps are announced long before they begin.
        if vertex.started.is_none() && !vertex.cached {
            return;
        }
        let step = self.step(&vertex.digest);
        if step.begun {
            return;
        }
        step.begun = true;
        step.name = vertex.name.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = format!("#{} {}", step.number, step.name);
        self.line(line);
    }

    fn end(&mut self, vertex: &Vertex) {
        let Some(completed) = &vertex.completed else { return };
        let step = self.step(&vertex.digest);
        if !step.begun || step.ended {
            return;
        }
        step.ended = true;
        let mut lines = Vec::new();
        let rest = std::mem::take(&mut step.partial);
        if !rest.is_empty() {
            lines.push(step.take(&rest));
        }
        let number = step.number;
        if !vertex.error.is_empty() {
            lines.push(format!("#{number} ERROR: {}", plain(&vertex.error)));
            self.failed.get_or_insert_with(|| vertex.digest.clone());
        } else if vertex.cached {
            lines.push(format!("#{number} CACHED"));
        } else {
            let seconds = vertex.started.as_ref().map_or(0.0, |started| seconds(completed) - seconds(started));
            lines.push(format!("#{number} DONE {seconds:.1}s"));
        }
        for line in lines {
            self.line(line);
        }
    }

    fn part(&mut self, status: &VertexStatus) {
        let number = self.step(&status.vertex).number;
        let amount = |value: i64| u64::try_from(value).unwrap_or(0);
        let name = if status.name.is_empty() { &status.id } else { &status.name };
        (self.progress)(Progress::Part {
            id: format!("#{number} {}", status.id),
            status: if status.completed.is_some() { format!("{name} done") } else { name.clone() },
            current: amount(status.current),
            total: amount(status.total),
        });
    }

    fn log(&mut self, log: &VertexLog) {
        let step = self.step(&log.vertex);
        step.partial.extend_from_slice(&log.msg);
        let mut lines = Vec::new();
        while let Some(end) = step
            .partial
            .iter()
            .position(|byte| *byte == b'\n')
            .or_else(|| (step.partial.len() > LONGEST).then_some(LONGEST))
        {
            let line: Vec<u8> = step.partial.drain(..=end).collect();
            lines.push(step.take(&line));
        }
        for line in lines {
            self.line(line);
        }
    }

    /// The builder's words, with the place in the Dockerfile and the end of the failing step's output.
    pub(super) fn explain(&mut self, status: &Status) -> String {
        let words = plain(&status.message);
        let mut text = words.strip_prefix("failed to solve: ").unwrap_or(&words).to_owned();
        let places = places(&status.details);
        for place in &places {
            text.push_str(&format!("\n  {place}"));
        }
        if let Some(step) = self.failed.as_ref().and_then(|digest| self.steps.get(digest)) {
            // Old builders do not tell the place.
            if places.is_empty() {
                text.push_str(&format!("\n  {}", step.name));
            }
            for line in &step.last {
                text.push_str(&format!("\n  | {line}"));
            }
        }
        text
    }
}

impl Step {
    /// A line of its output, as it is shown; the last ones are kept.
    fn take(&mut self, line: &[u8]) -> String {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\r', '\n']);
        // What a bar draws over itself: its last state.
        let text = text.rsplit('\r').next().unwrap_or(text).to_owned();
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(text.clone());
        format!("#{} {text}", self.number)
    }
}

/// An error without what its way through several programs has added.
fn plain(error: &str) -> String {
    let mut text = error.trim_end().to_owned();
    while let Some(begin) = text.find("rpc error: code = ") {
        let Some(length) = text.get(begin..).and_then(|rest| rest.find(" desc = ")) else { break };
        text.replace_range(begin..begin + length + " desc = ".len(), "");
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn seconds(time: &Timestamp) -> f64 {
    time.seconds as f64 + f64::from(time.nanos) / 1e9
}

fn describe(warning: &VertexWarning) -> String {
    let short = String::from_utf8_lossy(&warning.short).into_owned();
    let file = warning.info.as_ref().map(|info| info.filename.as_str()).unwrap_or_default();
    let line = warning.ranges.first().and_then(|range| range.start).map(|start| start.line);
    match line {
        Some(line) if !file.is_empty() => format!("{file}:{line}: {short}"),
        _ => short,
    }
}

/// A place in a Dockerfile, as the builder's errors have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Source {
    info: Info,
    ranges: Vec<Range>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    filename: String,
    /// The file, in base64.
    data: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Range {
    start: Position,
    end: Position,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Position {
    line: usize,
}

/// `Dockerfile:3: RUN make` for each place that an error is about.
fn places(details: &[u8]) -> Vec<String> {
    let Ok(status) = rpc::Status::decode(details) else { return Vec::new() };
    let mut places = Vec::new();
    for detail in status.details.iter().filter(|detail| detail.type_url.contains("errdefs.Source")) {
        let Ok(source) = serde_json::from_slice::<Source>(&detail.value) else { continue };
        let data = base64::engine::general_purpose::STANDARD.decode(&source.info.data).unwrap_or_default();
        let text = String::from_utf8_lossy(&data);
        let lines = source.ranges.iter().flat_map(|range| range.start.line..=range.end.line.max(range.start.line));
        for line in lines.take(SHOWN) {
            let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim_end();
            let place = format!("{}:{line}: {shown}", source.info.filename);
            if line > 0 && !places.contains(&place) {
                places.push(place);
            }
        }
    }
    places
}
