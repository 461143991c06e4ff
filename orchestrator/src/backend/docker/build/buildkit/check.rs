//! What the frontend has to say about a Dockerfile, without building (`docker build --check`).

use std::sync::Arc;

use bollard_buildkit_proto::moby::buildkit::v1::frontend::{self, ReturnRequest, ReturnResponse};
use bollard_buildkit_proto::moby::buildkit::v1::{SolveRequest, SolveResponse};

use super::grpc::{Client, Status};
use super::{Display, Failure, SOLVE, hosts, shown, solve};
use crate::backend::docker::Docker;
use crate::backend::docker::transport::Call;
use crate::backend::{BuildCheck, BuildSpec, ErrorKind, ProgressSink, Result};

const BRIDGE_SOLVE: &str = "/moby.buildkit.v1.frontend.LLBBridge/Solve";
const BRIDGE_RETURN: &str = "/moby.buildkit.v1.frontend.LLBBridge/Return";
/// Which build a call to the bridge is about.
const BUILD_ID: &str = "buildkit-controlapi-buildid";

impl Docker {
    /// Asks the frontend; nothing is built.
    pub(in crate::backend::docker::build) async fn check_with_buildkit(
        &self,
        call: Call<'_>,
        spec: &BuildSpec,
        progress: &ProgressSink,
    ) -> Result<BuildCheck> {
        let failure = Failure::default();
        let (mut request, provider) = solve::prepare(call, spec, &self.environment, failure.clone(), progress).await?;
        let _session = self.open_session(call, &request.session, provider).await?;
        let (client, _connection, workers) = self.open_builder(call).await?;
        hosts::resolve(&mut request.frontend_attrs, &workers).map_err(|why| call.error(ErrorKind::Unsupported, why))?;
        let mut display = Display::new(Arc::clone(progress));
        let mut options = request.frontend_attrs;
        options.insert("requestid".to_owned(), "frontend.lint".to_owned());
        let question =
            frontend::SolveRequest { frontend: request.frontend, frontend_opt: options, ..Default::default() };
        // A build whose frontend is this client: it asks for another one's answer, and returns nothing.
        let build = SolveRequest { r#ref: request.r#ref, session: request.session, ..SolveRequest::default() };
        let asked = ask(&client, &build, question);
        match shown(asked, &client, &build.r#ref, &mut display).await {
            Ok(result) => {
                let text = |name: &str| {
                    result.metadata.get(name).map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned())
                };
                let found = text("result.txt").ok_or_else(|| {
                    call.error(
                        ErrorKind::Unsupported,
                        "the engine's builder has no checks (Docker 27.1 and newer have)",
                    )
                })?;
                // A broken Dockerfile is an error of the builder's; warnings are a text.
                Ok(BuildCheck { text: found, complaints: text("result.json").map_or(0, |json| warnings(&json)) })
            }
            Err(status) => Err(match failure.take() {
                Some(why) => call.error(ErrorKind::Invalid, why),
                None => call.error(ErrorKind::Engine, display.explain(&status)),
            }),
        }
    }
}

async fn ask(
    client: &Client,
    build: &SolveRequest,
    question: frontend::SolveRequest,
) -> std::result::Result<frontend::Result, Status> {
    let bridge = client.with(BUILD_ID, &build.r#ref);
    let answer = async {
        let answer: std::result::Result<frontend::SolveResponse, Status> = bridge.call(BRIDGE_SOLVE, &question).await;
        let returned = ReturnRequest { result: Some(frontend::Result::default()), error: None };
        // The build ends with this, whatever the answer was.
        let _ = bridge.call::<ReturnResponse>(BRIDGE_RETURN, &returned).await;
        answer
    };
    let (answer, outcome) = tokio::join!(answer, client.call::<SolveResponse>(SOLVE, build));
    let answer = answer?.result.unwrap_or_default();
    outcome.map(|_| answer)
}

fn warnings(json: &str) -> usize {
    let answer: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let count = answer.get("warnings").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    count + usize::from(answer.get("buildError").is_some_and(|error| !error.is_null()))
}
