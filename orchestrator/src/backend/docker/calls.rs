//! What is asked of the engine, call by call.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptions, RemoveVolumeOptions, RenameContainerOptions, RestartContainerOptions,
    StopContainerOptions,
};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::Method;

use super::stream::{self, Origin};
use super::transport::{Call, Message, encode};
use super::{
    Address, CHANGE, Docker, MOVE, answers, change, container_path, create, credentials, filters, gone, image, parse,
    read, recreate_body, translate_error, transport,
};
use crate::backend::{
    Attachment, Backend, BuildCheck, BuildSpec, CommitSpec, Container, ContainerDetail, ContainerSpec, EngineInfo,
    ErrorKind, Event, ExecSpec, HostInfo, ImageInfo, LabelFilter, LogOptions, LogRecord, NetworkInfo, NetworkSpec,
    PathInfo, Processes, ProgressSink, Result, Session, Unpack, Upload, Usage, VolumeInfo, VolumeSpec,
};

/// What a stop may take on top of the grace period.
const STOP_MARGIN: Duration = Duration::from_secs(60);

#[async_trait]
impl Backend for Docker {
    fn address(&self) -> String {
        self.transport.address().to_string()
    }

    /// A socket of this host; Docker Desktop's engine hides in a virtual machine behind one.
    fn is_local(&self) -> bool {
        match self.transport.address() {
            Address::Unix(path) => {
                cfg!(target_os = "linux") && !path.components().any(|part| part.as_os_str() == "desktop")
            }
            Address::Tcp(_) | Address::Tls { .. } | Address::Ssh { .. } => false,
        }
    }

    /// The id of the network `none`, which each engine has from its first start on. Telling its own id takes an engine ten
    /// times as long, and Podman makes one up each time. Asked without a version, so that it costs no time beside the
    /// question for that.
    async fn id(&self) -> Result<String> {
        let ask = || async {
            let call = read("ask engine", "");
            let asked = self.transport.whole(call, Message::new(Method::GET, "/networks/none".to_owned()));
            let (api, answer) = tokio::join!(self.api(), asked);
            api?;
            let none = match answer {
                Ok(answer) => NetworkInfo::from(parse::<answers::NetworkAnswer>(call, &answer)?).id,
                // Engines that are not Docker's have no such network.
                Err(error) if error.kind == ErrorKind::NotFound => String::new(),
                Err(error) => return Err(error),
            };
            if !none.is_empty() {
                return Ok(none);
            }
            let Address::Unix(path) = self.transport.address() else { return Ok(self.address()) };
            let path = tokio::fs::canonicalize(path).await.unwrap_or_else(|_| path.clone());
            Ok(Address::Unix(path).to_string())
        };
        self.id.get_or_try_init(ask).await.cloned()
    }

    async fn info(&self) -> Result<EngineInfo> {
        self.facts().await.cloned()
    }

    async fn host(&self) -> Result<HostInfo> {
        let info: answers::SystemInfo = self.get(read("ask engine", ""), "/info", &[]).await?;
        Ok(HostInfo { root: info.docker_root_dir, time: info.system_time })
    }

    async fn containers(&self, filter: &LabelFilter) -> Result<Vec<Container>> {
        let query = [("all", "1"), ("filters", &*filters(filter, &[]))];
        let listed: Vec<answers::Listed> = self.get(read("list containers", ""), "/containers/json", &query).await?;
        Ok(listed.into_iter().map(Into::into).collect())
    }

    async fn container(&self, id: &str) -> Result<ContainerDetail> {
        let call = read("inspect container", id);
        let answer: serde_json::Value = self.get(call, &container_path(id, "/json"), &[]).await?;
        let body = recreate_body::body(&answer);
        let inspected: answers::Inspected = serde_json::from_value(answer)
            .map_err(|error| call.error(ErrorKind::Engine, format!("the engine's answer is invalid: {error}")))?;
        Ok(ContainerDetail { body, ..inspected.into() })
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<(String, Vec<String>)> {
        let call = change("create container", &spec.name);
        let api = self.api().await?;
        let mut spec = inline_seccomp(spec, call).await?;
        let mut foreign: Vec<String> = self.add_proxies(&mut spec).await.into_iter().collect();
        if spec.service.credential_spec.is_some() && !self.facts().await?.platform.starts_with("windows") {
            spec.service.credential_spec = None;
            foreign.push("`credential_spec` is for Windows; it has no effect on this engine".to_owned());
        }
        let translated = create::translate(&spec, api).map_err(|error| translate_error(call, error))?;
        let query = [("name", spec.name.as_str()), ("platform", spec.service.platform.as_str())];
        let answer = self.post(call, "/containers/create", &query, &translated.body).await.map_err(|mut error| {
            error.kind = create::kind_of(error.kind, &error.message);
            error
        })?;
        let created: answers::Created = parse(call, &answer)?;
        for attachment in &translated.later {
            self.connect_network(&created.id, attachment).await?;
        }
        let mut warnings = translated.warnings;
        warnings.extend(foreign);
        warnings.extend(created.warnings);
        Ok((created.id, warnings))
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        let (call, client) = (change("start container", id), self.client().await?);
        let start = || self.transport.typed(call, client.start_container(id, None));
        let started = start().await;
        let Some(network) = started.as_ref().err().and_then(Self::ambiguous) else { return started };
        self.settle_twins(network).await?;
        start().await
    }

    async fn stop_container(&self, id: &str, grace: Option<Duration>) -> Result<()> {
        let call = Call { name: "stop container", object: id, limit: None };
        let options = StopContainerOptions { t: seconds(grace), ..StopContainerOptions::default() };
        let stopped = self.transport.typed(call, self.client().await?.stop_container(id, Some(options)));
        self.graceful(call, grace, STOP_MARGIN, stopped).await
    }

    async fn restart_container(&self, id: &str, grace: Option<Duration>) -> Result<()> {
        let call = Call { name: "restart container", object: id, limit: None };
        let options = RestartContainerOptions { t: seconds(grace), ..RestartContainerOptions::default() };
        let restarted = self.transport.typed(call, self.client().await?.restart_container(id, Some(options)));
        self.graceful(call, grace, STOP_MARGIN + CHANGE, restarted).await
    }

    async fn kill_container(&self, id: &str, signal: &str) -> Result<()> {
        let options = KillContainerOptions { signal: signal.to_owned() };
        let killed = self.client().await?.kill_container(id, Some(options));
        self.transport.typed(change("kill container", id), killed).await
    }

    async fn pause_container(&self, id: &str) -> Result<()> {
        self.transport.typed(change("pause container", id), self.client().await?.pause_container(id)).await
    }

    async fn unpause_container(&self, id: &str) -> Result<()> {
        self.transport.typed(change("unpause container", id), self.client().await?.unpause_container(id)).await
    }

    async fn rename_container(&self, id: &str, name: &str) -> Result<()> {
        let renamed = self.client().await?.rename_container(id, RenameContainerOptions { name: name.to_owned() });
        self.transport.typed(change("rename container", id), renamed).await
    }

    async fn remove_container(&self, id: &str, volumes: bool) -> Result<()> {
        let call = Call { name: "remove container", object: id, limit: Some(MOVE) };
        let options = RemoveContainerOptions { force: true, v: volumes, link: false };
        match self.transport.typed(call, self.client().await?.remove_container(id, Some(options))).await {
            // Somebody else is at it; when they are done it is gone, which waiting for its removal tells.
            Err(error) if error.kind == ErrorKind::Conflict && error.message.contains("already in progress") => {
                let path = container_path(id, "/wait");
                let query = [("condition", "removed")];
                let message = self.message(Method::POST, &path, &query).await?;
                gone(self.transport.whole(call, message).await.map(drop))
            }
            other => gone(other),
        }
    }

    async fn wait_container(&self, id: &str) -> Result<i64> {
        let call = Call { name: "wait for container", object: id, limit: None };
        let message = self.message(Method::POST, &container_path(id, "/wait"), &[]).await?;
        let ended = self.transport.attended(call, self.transport.whole(call, message)).await?;
        let waited: answers::Waited = parse(call, &ended)?;
        Ok(waited.status_code)
    }

    async fn top_container(&self, id: &str) -> Result<Processes> {
        let top: answers::Top = self.get(read("list processes", id), &container_path(id, "/top"), &[]).await?;
        Ok(top.into())
    }

    async fn resize_container(&self, id: &str, rows: u16, columns: u16) -> Result<()> {
        let query = [("h", &*rows.to_string()), ("w", &*columns.to_string())];
        self.act(change("resize terminal", id), Method::POST, &container_path(id, "/resize"), &query).await
    }

    async fn attach_container(&self, id: &str, stdin: bool, detach_keys: Option<&str>) -> Result<Session> {
        self.attach(id, stdin, detach_keys).await
    }

    async fn usage(&self, id: &str, follow: bool) -> Result<BoxStream<'static, Result<Usage>>> {
        self.usage_of(id, follow).await
    }

    async fn logs(&self, id: &str, options: &LogOptions) -> Result<BoxStream<'static, Result<LogRecord>>> {
        if let Some(records) = self.log_files(id, options).await {
            return Ok(records);
        }
        let call = read("read logs", id);
        let tail = options.tail.map_or_else(|| "all".to_owned(), |tail| tail.to_string());
        let query = [
            ("stdout", "1"),
            ("stderr", "1"),
            ("timestamps", "1"),
            ("follow", if options.follow { "1" } else { "" }),
            ("tail", &tail),
            ("since", &unix_time(options.since.as_deref())),
            ("until", &unix_time(options.until.as_deref())),
        ];
        let response = self.open(call, Method::GET, &container_path(id, "/logs"), &query).await?;
        let tty = self.is_raw(&response, id).await?;
        let origin = Origin::of(call);
        Ok(stream::records(origin.clone(), stream::bytes(origin, response.into_body()), tty))
    }

    async fn put_archive(&self, id: &str, path: &str, tar: Bytes) -> Result<()> {
        let call = Call { name: "copy into container", object: id, limit: Some(MOVE) };
        let mut message = self.message(Method::PUT, &container_path(id, "/archive"), &[("path", path)]).await?;
        message.headers.push(("content-type", "application/x-tar".to_owned()));
        message.body = transport::full(tar);
        self.transport.whole(call, message).await.map(drop)
    }

    async fn put_archive_stream(&self, id: &str, path: &str, tar: Upload, how: Unpack) -> Result<()> {
        self.upload(id, path, tar, how).await
    }

    async fn path_info(&self, id: &str, path: &str) -> Result<PathInfo> {
        self.path(id, path).await
    }

    async fn export_container(&self, id: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.export_all(id).await
    }

    async fn commit_container(&self, id: &str, spec: &CommitSpec) -> Result<String> {
        self.commit_image(id, spec).await
    }

    async fn get_archive(&self, id: &str, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let call = read("copy out of container", id);
        let response = self.open(call, Method::GET, &container_path(id, "/archive"), &[("path", path)]).await?;
        Ok(stream::bytes(Origin::of(call), response.into_body()))
    }

    async fn exec(&self, id: &str, spec: &ExecSpec) -> Result<Session> {
        self.run_command(id, spec).await
    }

    async fn exec_exit_code(&self, exec: &str) -> Result<Option<i64>> {
        let path = format!("/exec/{}/json", encode(exec));
        let state: answers::ExecState = self.get(read("inspect command", exec), &path, &[]).await?;
        Ok((!state.running).then_some(state.exit_code))
    }

    async fn resize_exec(&self, exec: &str, rows: u16, columns: u16) -> Result<()> {
        let path = format!("/exec/{}/resize", encode(exec));
        let query = [("h", &*rows.to_string()), ("w", &*columns.to_string())];
        self.act(change("resize terminal", exec), Method::POST, &path, &query).await
    }

    async fn networks(&self, filter: &LabelFilter) -> Result<Vec<NetworkInfo>> {
        let query = [("filters", &*filters(filter, &[]))];
        let found: Vec<answers::NetworkAnswer> = self.get(read("list networks", ""), "/networks", &query).await?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkInfo>> {
        self.find_network(name).await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<String> {
        self.make_network(spec).await
    }

    async fn remove_network(&self, id: &str) -> Result<()> {
        self.drop_network(id).await
    }

    async fn connect_network(&self, container: &str, attachment: &Attachment) -> Result<()> {
        self.join_network(container, attachment).await
    }

    async fn disconnect_network(&self, container: &str, network: &str) -> Result<()> {
        self.leave_network(container, network).await
    }

    async fn volumes(&self, filter: &LabelFilter) -> Result<Vec<VolumeInfo>> {
        let query = [("filters", &*filters(filter, &[]))];
        let found: answers::Volumes = self.get(read("list volumes", ""), "/volumes", &query).await?;
        Ok(found.volumes.into_iter().map(Into::into).collect())
    }

    async fn volume(&self, name: &str) -> Result<Option<VolumeInfo>> {
        let path = format!("/volumes/{}", encode(name));
        let found: Option<answers::VolumeAnswer> = self.find(read("inspect volume", name), &path).await?;
        Ok(found.map(Into::into))
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<()> {
        let volume = &spec.volume;
        let map = |pairs: &BTreeMap<String, String>| pairs.clone().into_iter().collect();
        let request = VolumeCreateRequest {
            name: Some(volume.name.clone()),
            driver: (!volume.driver.is_empty()).then(|| volume.driver.clone()),
            driver_opts: (!volume.driver_opts.is_empty()).then(|| map(&volume.driver_opts)),
            labels: Some(map(&spec.labels)),
            ..VolumeCreateRequest::default()
        };
        let created = self.client().await?.create_volume(request);
        self.transport.typed(change("create volume", &volume.name), created).await.map(drop)
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        let call = Call { name: "remove volume", object: name, limit: Some(MOVE) };
        let options: Option<RemoveVolumeOptions> = None;
        gone(self.transport.typed(call, self.client().await?.remove_volume(&encode(name), options)).await)
    }

    async fn image(&self, name: &str) -> Result<Option<ImageInfo>> {
        let path = format!("/images/{}/json", image::path_name(name));
        let found: Option<answers::Image> = self.find(read("inspect image", name), &path).await?;
        Ok(found.map(Into::into))
    }

    async fn pull(&self, image: &str, platform: &str, progress: ProgressSink) -> Result<()> {
        let call = Call { name: "pull image", object: image, limit: None };
        self.transport.attended(call, self.pull_image(image, platform, &progress)).await
    }

    async fn push(&self, image: &str, progress: ProgressSink) -> Result<()> {
        let call = Call { name: "push image", object: image, limit: None };
        self.transport.attended(call, self.push_image(image, &progress)).await
    }

    async fn build(&self, spec: &BuildSpec, progress: ProgressSink) -> Result<String> {
        let call = Call { name: "build image", object: &spec.tag, limit: None };
        self.transport.attended(call, self.build_image(spec, &progress)).await
    }

    async fn check_build(&self, spec: &BuildSpec, progress: ProgressSink) -> Result<BuildCheck> {
        self.check_dockerfile(spec, &progress).await
    }

    async fn digest(&self, image: &str) -> Result<String> {
        self.ask_for_digest(image).await
    }

    async fn registry_config(&self) -> Result<String> {
        credentials::as_config(&self.environment).await
    }

    async fn load_images(&self, archive: Bytes) -> Result<()> {
        let call = Call { name: "load images", object: "", limit: None };
        self.transport.attended(call, self.load(archive)).await
    }

    async fn remove_image(&self, name: &str) -> Result<()> {
        let call = Call { name: "remove image", object: name, limit: Some(MOVE) };
        let path = format!("/images/{}", image::path_name(name));
        gone(self.act(call, Method::DELETE, &path, &[]).await)
    }

    async fn tag_image(&self, image: &str, name: &str) -> Result<()> {
        let call = change("tag image", image);
        let (repository, tag) = image::split_name(name);
        let path = format!("/images/{}/tag", image::path_name(image));
        self.act(call, Method::POST, &path, &[("repo", repository), ("tag", tag)]).await
    }

    async fn events(&self, filter: &LabelFilter) -> Result<BoxStream<'static, Result<Event>>> {
        self.events_between(filter, None, None).await
    }

    async fn events_between(
        &self,
        filter: &LabelFilter,
        since: Option<&str>,
        until: Option<&str>,
    ) -> Result<BoxStream<'static, Result<Event>>> {
        let call = read("watch events", "");
        let query = [("filters", &*filters(filter, &[])), ("since", &unix_time(since)), ("until", &unix_time(until))];
        let response = self.open(call, Method::GET, "/events", &query).await?;
        let origin = Origin::of(call);
        let events =
            stream::json_lines::<answers::EventAnswer>(origin.clone(), stream::bytes(origin, response.into_body()));
        Ok(events.map(|event| event.map(Into::into)).boxed())
    }
}

/// Seconds and nanoseconds since the epoch, the one form that all engines take; anything that is not RFC 3339 goes
/// through as it is.
fn unix_time(time: Option<&str>) -> String {
    let text = time.unwrap_or_default();
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => format!("{}.{:09}", time.as_second(), time.subsec_nanosecond()),
        Err(_) => text.to_owned(),
    }
}

/// A grace period as the engine takes it: -1 for one without an end.
fn seconds(grace: Option<Duration>) -> Option<i32> {
    grace.map(|grace| match grace {
        Duration::MAX => -1,
        grace => i32::try_from(grace.as_secs()).unwrap_or(i32::MAX),
    })
}

/// Replaces `seccomp=FILE` by the file's content, which is what the engine takes; relative paths start from the
/// project's folder.
async fn inline_seccomp(spec: &ContainerSpec, call: Call<'_>) -> Result<ContainerSpec> {
    let mut spec = spec.clone();
    let folder = spec.labels.get("com.docker.compose.project.working_dir").cloned().unwrap_or_default();
    for option in &mut spec.service.security_opt {
        let Some(profile) = option.strip_prefix("seccomp=").or_else(|| option.strip_prefix("seccomp:")) else {
            continue;
        };
        if matches!(profile, "unconfined" | "builtin") || profile.starts_with('{') {
            continue;
        }
        let path = Path::new(&folder).join(profile);
        let text = tokio::fs::read_to_string(&path).await.map_err(|error| {
            call.error(ErrorKind::Invalid, format!("cannot read the seccomp profile {}: {error}", path.display()))
        })?;
        *option = format!("seccomp={text}");
    }
    Ok(spec)
}
