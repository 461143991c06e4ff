//! The trait's methods: each is one recorded call on the [`World`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::broadcast::error::RecvError;

use super::Memory;
use super::world::{Outcome, Refusal, World};
use crate::backend::{
    Attachment, Backend, BuildCheck, BuildSpec, CommitSpec, Container, ContainerDetail, ContainerSpec, EngineInfo,
    Error, ErrorKind, Event, ExecSpec, HostInfo, ImageInfo, LabelFilter, LogOptions, LogRecord, NetworkInfo,
    NetworkSpec, PathInfo, PathKind, Processes, Progress, ProgressSink, Result, Session, State, Unpack, Upload, Usage,
    VolumeInfo, VolumeSpec,
};

/// A session without output whose input goes nowhere.
fn silent_session(id: String) -> Session {
    Session { id, output: stream::empty().boxed(), input: Box::new(tokio::io::sink()) }
}

fn missing<T>(what: &str, name: &str) -> Outcome<T> {
    Err(Refusal(ErrorKind::NotFound, format!("No such {what}: {name}")))
}

/// Where a log reader stands.
struct LogReader {
    id: String,
    next: usize,
    options: LogOptions,
    left: Option<usize>,
}

impl LogReader {
    fn new(world: &World, id: &str, options: &LogOptions) -> Outcome<Self> {
        let Some(entry) = world.find(id) else { return missing("container", id) };
        let tail = options.tail.and_then(|tail| usize::try_from(tail).ok());
        let next = tail.map_or(0, |tail| entry.log.len().saturating_sub(tail));
        Ok(Self {
            id: entry.detail.summary.id.clone(),
            next,
            options: options.clone(),
            left: (!options.follow).then(|| entry.log.len().saturating_sub(next)),
        })
    }

    /// The next record, `Some(None)` at the end, `None` when there is none yet.
    fn read(&mut self, world: &World) -> Option<Option<LogRecord>> {
        let Some(entry) = world.find(&self.id) else { return Some(None) };
        while let Some(record) = entry.log.get(self.next) {
            if self.left == Some(0) {
                return Some(None);
            }
            self.left = self.left.map(|left| left - 1);
            self.next += 1;
            let early = self.options.since.as_ref().is_some_and(|since| record.time < *since);
            let late = self.options.until.as_ref().is_some_and(|until| record.time > *until);
            if !early && !late {
                return Some(Some(record.clone()));
            }
        }
        let running = matches!(entry.detail.summary.state, State::Running | State::Paused | State::Restarting);
        (self.left.is_some() || !running).then_some(None)
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Records as they come, until the container ends (or the log does, unless followed).
    fn follow(&self, reader: LogReader) -> BoxStream<'static, Result<LogRecord>> {
        let start = (Arc::clone(&self.world), self.changed.subscribe(), reader);
        stream::unfold(start, |(world, mut changed, mut reader)| async move {
            loop {
                changed.borrow_and_update();
                let step = reader.read(&lock(&world));
                match step {
                    Some(Some(record)) => return Some((Ok(record), (world, changed, reader))),
                    Some(None) => return None,
                    None => changed.changed().await.ok()?,
                }
            }
        })
        .boxed()
    }

    /// Waits until a container has ended.
    async fn ended(&self, id: &str) -> Result<i64> {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let state = self.world().find(id).map(|entry| (entry.detail.summary.state, entry.detail.exit_code));
            match state {
                Some((State::Running | State::Paused | State::Restarting, _)) => {}
                Some((_, code)) => return Ok(code),
                None => {
                    let message = format!("No such container: {id}");
                    return Err(Error {
                        kind: ErrorKind::NotFound,
                        call: "wait for container",
                        object: id.to_owned(),
                        message,
                    });
                }
            }
            if changed.changed().await.is_err() {
                return Ok(0);
            }
        }
    }
}

/// A place of an archive's entry where a folder is and none comes, or the other way round.
fn occupied(tar: &[u8], folder: &str, paths: &BTreeMap<String, PathInfo>) -> Option<String> {
    if paths.is_empty() {
        return None;
    }
    let mut archive = tar::Archive::new(tar);
    archive.entries().ok()?.find_map(|entry| {
        let entry = entry.ok()?;
        let place = Path::new(folder).join(entry.path().ok()?).to_str()?.trim_end_matches('/').to_owned();
        let there = paths.get(&place)?;
        ((there.kind == PathKind::Folder) != entry.header().entry_type().is_dir()).then_some(place)
    })
}

#[async_trait]
impl Backend for Memory {
    fn address(&self) -> String {
        "memory".to_owned()
    }

    fn is_local(&self) -> bool {
        true
    }

    async fn id(&self) -> Result<String> {
        Ok("memory".to_owned())
    }

    async fn info(&self) -> Result<EngineInfo> {
        self.call("ask engine", "", false, |_| {
            Ok(EngineInfo {
                address: "memory".to_owned(),
                local: true,
                version: "1.0".to_owned(),
                api: (1, 41),
                platform: "linux/amd64".to_owned(),
            })
        })
    }

    async fn host(&self) -> Result<HostInfo> {
        self.call("ask engine", "", false, |_| {
            Ok(HostInfo { root: "/".to_owned(), time: "2024-01-01T00:00:00Z".to_owned() })
        })
    }

    async fn containers(&self, filter: &LabelFilter) -> Result<Vec<Container>> {
        self.call("list containers", "", false, |world| {
            let all = world.containers.values().map(|entry| &entry.detail.summary);
            let mut found: Vec<Container> =
                all.filter(|container| filter.matches(&container.labels)).cloned().collect();
            for container in &mut found {
                // A name that has moved to another image is not shown any more.
                if world.image(&container.image).is_none_or(|image| image.id != container.image_id) {
                    container.image.clone_from(&container.image_id);
                }
            }
            Ok(found)
        })
    }

    async fn container(&self, id: &str) -> Result<ContainerDetail> {
        self.call("inspect container", id, false, |world| match world.find(id) {
            Some(entry) => Ok(entry.detail.clone()),
            None => missing("container", id),
        })
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<(String, Vec<String>)> {
        self.call("create container", &spec.name, true, |world| Ok((world.create(spec)?, Vec::new())))
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        self.call("start container", id, true, |world| world.start(id))
    }

    async fn stop_container(&self, id: &str, _grace: Option<Duration>) -> Result<()> {
        self.call("stop container", id, true, |world| world.stop(id))
    }

    async fn restart_container(&self, id: &str, _grace: Option<Duration>) -> Result<()> {
        self.call("restart container", id, true, |world| {
            world.stop(id)?;
            world.start(id)
        })
    }

    async fn kill_container(&self, id: &str, signal: &str) -> Result<()> {
        self.call("kill container", id, true, |world| world.kill(id, signal))
    }

    async fn pause_container(&self, id: &str) -> Result<()> {
        self.call("pause container", id, true, |world| world.freeze(id, State::Running, State::Paused, "pause"))
    }

    async fn unpause_container(&self, id: &str) -> Result<()> {
        self.call("unpause container", id, true, |world| world.freeze(id, State::Paused, State::Running, "unpause"))
    }

    async fn rename_container(&self, id: &str, name: &str) -> Result<()> {
        self.call("rename container", id, true, |world| world.rename(id, name))
    }

    async fn remove_container(&self, id: &str, volumes: bool) -> Result<()> {
        self.call("remove container", id, true, |world| {
            world.remove(id, volumes);
            Ok(())
        })
    }

    async fn wait_container(&self, id: &str) -> Result<i64> {
        self.call("wait for container", id, false, |_| Ok(()))?;
        self.ended(id).await
    }

    async fn top_container(&self, id: &str) -> Result<Processes> {
        self.call("list processes", id, false, |world| match world.find(id) {
            Some(entry) => Ok(Processes {
                titles: vec!["PID".to_owned(), "CMD".to_owned()],
                rows: vec![vec!["1".to_owned(), entry.detail.summary.command.clone()]],
            }),
            None => missing("container", id),
        })
    }

    async fn resize_container(&self, id: &str, _rows: u16, _columns: u16) -> Result<()> {
        self.call("resize terminal", id, false, |_| Ok(()))
    }

    async fn attach_container(&self, id: &str, _stdin: bool, _detach_keys: Option<&str>) -> Result<Session> {
        let reader = self.call("attach to container", id, false, |world| {
            LogReader::new(world, id, &LogOptions { follow: true, ..LogOptions::default() })
        })?;
        let output = self.follow(reader).map(|record| record.map(|record| (record.stream, record.bytes))).boxed();
        Ok(Session { id: id.to_owned(), output, input: Box::new(tokio::io::sink()) })
    }

    async fn logs(&self, id: &str, options: &LogOptions) -> Result<BoxStream<'static, Result<LogRecord>>> {
        let reader = self.call("read logs", id, false, |world| LogReader::new(world, id, options))?;
        Ok(self.follow(reader))
    }

    async fn put_archive(&self, id: &str, path: &str, tar: Bytes) -> Result<()> {
        self.call("copy into container", id, true, |world| {
            world.find_mut(id)?.archives.push((path.to_owned(), tar));
            Ok(())
        })
    }

    async fn get_archive(&self, id: &str, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let tar = self.call("copy out of container", id, false, |world| {
            let archives = &world.find_mut(id)?.archives;
            match archives.iter().rev().find(|(at, _)| at == path) {
                Some((_, tar)) => Ok(tar.clone()),
                None => missing("path", path),
            }
        })?;
        Ok(stream::iter([Ok(tar)]).boxed())
    }

    async fn usage(&self, id: &str, follow: bool) -> Result<BoxStream<'static, Result<Usage>>> {
        let usage = self.call("measure container", id, false, |world| match world.find(id) {
            Some(entry) => Ok(entry.usage.clone()),
            None => missing("container", id),
        })?;
        let samples = stream::iter([Ok(usage)]);
        // Followed, it stays open as the engine's does, though nothing changes.
        Ok(if follow { samples.chain(stream::pending()).boxed() } else { samples.boxed() })
    }

    async fn put_archive_stream(&self, id: &str, path: &str, mut tar: Upload, how: Unpack) -> Result<()> {
        let call = if how == Unpack::ForUser { "copy into container for its user" } else { "copy into container" };
        let mut bytes = Vec::new();
        while let Some(piece) = tar.next().await {
            let broken = |error: std::io::Error| {
                let message = error.to_string();
                Error { kind: ErrorKind::Engine, call, object: id.to_owned(), message }
            };
            bytes.extend_from_slice(&piece.map_err(broken)?);
        }
        self.call(call, id, true, |world| {
            let container = world.find_mut(id)?;
            if let Some(place) = occupied(&bytes, path, &container.paths) {
                return Err(Refusal(ErrorKind::Invalid, format!("cannot overwrite {place}")));
            }
            container.archives.push((path.to_owned(), bytes.into()));
            Ok(())
        })
    }

    async fn path_info(&self, id: &str, path: &str) -> Result<PathInfo> {
        self.call("look into container", id, false, |world| match world.find_mut(id)?.paths.get(path) {
            Some(info) => Ok(info.clone()),
            None => missing("path", path),
        })
    }

    async fn export_container(&self, id: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.get_archive(id, "/").await
    }

    async fn commit_container(&self, id: &str, spec: &CommitSpec) -> Result<String> {
        self.call("commit container", id, true, |world| {
            world.find_mut(id)?;
            let id = format!("sha256:{}", world.new_id());
            let tags = if spec.reference.is_empty() { Vec::new() } else { vec![spec.reference.clone()] };
            world.add_image(ImageInfo { id: id.clone(), tags, ..ImageInfo::default() });
            Ok(id)
        })
    }

    async fn exec(&self, id: &str, spec: &ExecSpec) -> Result<Session> {
        self.call("run command in container", id, true, |world| world.exec(id, &spec.command)).map(silent_session)
    }

    async fn exec_exit_code(&self, exec: &str) -> Result<Option<i64>> {
        self.call("inspect command", exec, false, |world| match world.execs.get(exec) {
            Some(code) => Ok(Some(*code)),
            None => missing("exec instance", exec),
        })
    }

    async fn resize_exec(&self, exec: &str, _rows: u16, _columns: u16) -> Result<()> {
        self.call("resize terminal", exec, false, |_| Ok(()))
    }

    async fn networks(&self, filter: &LabelFilter) -> Result<Vec<NetworkInfo>> {
        self.call("list networks", "", false, |world| {
            Ok(world.networks.values().filter(|network| filter.matches(&network.labels)).cloned().collect())
        })
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkInfo>> {
        self.call("inspect network", name, false, |world| Ok(world.network_named(name).cloned()))
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<String> {
        self.call("create network", &spec.network.name, true, |world| {
            world.add_network(&spec.network.name, &spec.network.driver, spec.labels.clone())
        })
    }

    async fn remove_network(&self, id: &str) -> Result<()> {
        self.call("remove network", id, true, |world| world.remove_network(id))
    }

    async fn connect_network(&self, container: &str, attachment: &Attachment) -> Result<()> {
        let object = format!("{} {container}", attachment.network);
        self.call("connect network", &object, true, |world| world.connect(container, attachment))
    }

    async fn disconnect_network(&self, container: &str, network: &str) -> Result<()> {
        let object = format!("{network} {container}");
        self.call("disconnect network", &object, true, |world| world.disconnect(container, network))
    }

    async fn volumes(&self, filter: &LabelFilter) -> Result<Vec<VolumeInfo>> {
        self.call("list volumes", "", false, |world| {
            Ok(world.volumes.values().filter(|volume| filter.matches(&volume.labels)).cloned().collect())
        })
    }

    async fn volume(&self, name: &str) -> Result<Option<VolumeInfo>> {
        self.call("inspect volume", name, false, |world| Ok(world.volumes.get(name).cloned()))
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<()> {
        self.call("create volume", &spec.volume.name, true, |world| {
            let driver = if spec.volume.driver.is_empty() { "local" } else { &spec.volume.driver };
            world.add_volume(VolumeInfo {
                name: spec.volume.name.clone(),
                driver: driver.to_owned(),
                labels: spec.labels.clone(),
                ..VolumeInfo::default()
            });
            Ok(())
        })
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        self.call("remove volume", name, true, |world| world.remove_volume(name))
    }

    async fn image(&self, name: &str) -> Result<Option<ImageInfo>> {
        self.call("inspect image", name, false, |world| Ok(world.image(name).cloned()))
    }

    async fn pull(&self, image: &str, _platform: &str, _progress: ProgressSink) -> Result<()> {
        self.call("pull image", image, true, |world| world.pull(image))
    }

    async fn digest(&self, image: &str) -> Result<String> {
        self.call("find the digest of image", image, false, |world| match world.offered(image) {
            Some(found) => Ok(found.id.clone()),
            None => missing("image", image),
        })
    }

    async fn push(&self, image: &str, progress: ProgressSink) -> Result<()> {
        progress(Progress::Line(format!("pushing {image}")));
        self.call("push image", image, true, |world| match world.image(image).cloned() {
            Some(found) => {
                world.registry.push(found);
                Ok(())
            }
            None => missing("image", image),
        })
    }

    async fn build(&self, spec: &BuildSpec, progress: ProgressSink) -> Result<String> {
        progress(Progress::Line(format!("building {}", spec.tag)));
        self.call("build image", &spec.tag, true, |world| {
            if let Some(message) = world.failing_builds.remove(&spec.tag) {
                return Err(Refusal(ErrorKind::Engine, message));
            }
            let id = format!("sha256:{}", world.new_id());
            let tags = std::iter::once(spec.tag.clone()).chain(spec.build.tags.iter().cloned()).collect();
            world.add_image(ImageInfo {
                id: id.clone(),
                tags,
                platform: spec.platform.clone(),
                labels: spec.labels.clone(),
                ..ImageInfo::default()
            });
            Ok(id)
        })
    }

    async fn check_build(&self, _: &BuildSpec, _: ProgressSink) -> Result<BuildCheck> {
        Ok(BuildCheck::default())
    }

    async fn registry_config(&self) -> Result<String> {
        Ok("{}".to_owned())
    }

    async fn load_images(&self, archive: Bytes) -> Result<()> {
        self.call("load images", &format!("{} bytes", archive.len()), true, |_| Ok(()))
    }

    async fn remove_image(&self, name: &str) -> Result<()> {
        self.call("remove image", name, true, |world| {
            let Some(id) = world.image(name).map(|image| image.id.clone()) else { return Ok(()) };
            if world.containers.values().any(|entry| entry.detail.summary.image_id == id) {
                return Err(Refusal(ErrorKind::Conflict, format!("unable to remove {name}: image is being used")));
            }
            world.images.retain(|image| image.id != id);
            Ok(())
        })
    }

    async fn tag_image(&self, image: &str, name: &str) -> Result<()> {
        self.call("tag image", image, true, |world| world.tag(image, name))
    }

    async fn events(&self, filter: &LabelFilter) -> Result<BoxStream<'static, Result<Event>>> {
        // Before the answer: what happens from now on is seen.
        let events = self.publisher().subscribe();
        self.call("watch events", "", false, |_| Ok(()))?;
        let filter = filter.clone();
        Ok(stream::unfold((events, filter), |(mut events, filter)| async move {
            loop {
                match events.recv().await {
                    Ok(event) if filter.matches(&event.attributes) => return Some((Ok(event), (events, filter))),
                    Ok(_) => {}
                    Err(RecvError::Lagged(lost)) => {
                        let error = Error {
                            kind: ErrorKind::Engine,
                            call: "watch events",
                            object: String::new(),
                            message: format!("{lost} events were lost"),
                        };
                        return Some((Err(error), (events, filter)));
                    }
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed())
    }

    /// It remembers nothing: events are those from now on.
    async fn events_between(
        &self,
        filter: &LabelFilter,
        _since: Option<&str>,
        _until: Option<&str>,
    ) -> Result<BoxStream<'static, Result<Event>>> {
        self.events(filter).await
    }
}
