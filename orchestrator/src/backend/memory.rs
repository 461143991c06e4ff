//! An engine in memory: the same states, conflicts and events as a real one, with faults on demand.
//!
//! Plans and recovery are tested on it. Every call is recorded and numbered from 1; [`Memory::fail_call`] makes one
//! of them fail, before or after it took effect, and [`Memory::fail_from`] cuts the engine off from then on, as if
//! the client had been killed.

mod engine;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

use super::{
    Container, Error, ErrorKind, Event, Health, ImageInfo, NetworkInfo, PathInfo, Result, Stream, Usage, VolumeInfo,
};
use world::{Refusal, World};

/// Events a slow reader may be behind before it loses some.
const EVENT_BACKLOG: usize = 4096;

/// How an injected fault shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and nothing happens.
    Before(ErrorKind),
    /// It happens, but the answer is lost.
    After(ErrorKind),
    /// Whoever calls breaks down.
    Panic,
}

/// What a container does once started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs; is healthy at once where it has a check.
    #[default]
    Run,
    /// Runs; its health stays `starting` until [`Memory::set_health`].
    Starting,
    /// Runs and is unhealthy.
    Unhealthy,
    /// Ends at once with this code.
    Exit(i64),
    /// Cannot be started: the kind of the refusal, and the engine's words.
    Refuse(ErrorKind, String),
}

/// One call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The call, in words (`create container`).
    pub call: &'static str,
    /// What it was about.
    pub object: String,
    /// It is one of those that change something.
    pub changes: bool,
}

/// Calls so far, and which of them shall fail.
#[derive(Debug, Default)]
struct Script {
    calls: Vec<Call>,
    faults: BTreeMap<usize, Fault>,
    cut_from: Option<usize>,
}

/// The engine.
#[derive(Debug)]
pub struct Memory {
    world: Arc<Mutex<World>>,
    script: Mutex<Script>,
    events: Mutex<broadcast::Sender<Event>>,
    /// Wakes whoever waits for a state or a log line.
    changed: watch::Sender<u64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            world: Arc::default(),
            script: Mutex::default(),
            events: Mutex::new(broadcast::channel(EVENT_BACKLOG).0),
            changed: watch::channel(0).0,
        }
    }
}

impl Memory {
    /// An empty engine with the networks every engine has (`bridge`, `host`, `none`).
    #[must_use]
    pub fn new() -> Arc<Self> {
        let engine = Self::default();
        engine.change(World::add_builtin_networks);
        Arc::new(engine)
    }

    /// Puts an image on the engine, named by its `tags`; its id is made up where it has none.
    pub fn add_image(&self, image: ImageInfo) {
        self.change(|world| world.add_image(image));
    }

    /// Puts an image on the engine: just a name.
    pub fn add_image_named(&self, name: &str) {
        self.add_image(ImageInfo { tags: vec![name.to_owned()], ..ImageInfo::default() });
    }

    /// Makes an image available to `pull`.
    pub fn add_to_registry(&self, image: ImageInfo) {
        self.change(|world| world.registry.push(image));
    }

    /// What containers of a service (or a container of that name) do once started.
    pub fn behave(&self, service_or_name: &str, behaviour: Behaviour) {
        self.change(|world| world.behaviours.insert(service_or_name.to_owned(), behaviour));
    }

    /// What a command run in containers of a service (or in a container of that name) ends with; 0 unless set.
    pub fn exec_exits(&self, service_or_name: &str, code: i64) {
        self.change(|world| world.exec_codes.insert(service_or_name.to_owned(), code));
    }

    /// The next build of this tag fails with these words.
    pub fn fail_build(&self, tag: &str, message: &str) {
        self.change(|world| world.failing_builds.insert(tag.to_owned(), message.to_owned()));
    }

    /// Ends every stream of events that is open.
    pub fn end_events(&self) {
        *self.publisher() = broadcast::channel(EVENT_BACKLOG).0;
    }

    /// Makes call number `number` (from 1) fail.
    pub fn fail_call(&self, number: usize, fault: Fault) {
        self.script().faults.insert(number, fault);
    }

    /// Makes this call and all after it fail, as if the client were gone.
    pub fn fail_from(&self, number: usize) {
        self.script().cut_from = Some(number);
    }

    /// Takes all faults away and forgets the calls so far.
    pub fn reset_calls(&self) {
        *self.script() = Script::default();
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.script().calls.clone()
    }

    /// The changing calls so far, as text (`create container web-app-1`).
    pub fn changes(&self) -> Vec<String> {
        self.script()
            .calls
            .iter()
            .filter(|call| call.changes)
            .map(|call| format!("{} {}", call.call, call.object))
            .collect()
    }

    /// Changes the health of a container, with the engine's event.
    pub fn set_health(&self, container: &str, health: Health) {
        self.change(|world| world.set_health(container, health));
    }

    /// Ends a container's process from inside.
    pub fn exit(&self, container: &str, code: i64) {
        self.change(|world| world.exit(container, code));
    }

    /// Removes a container behind everybody's back.
    pub fn vanish(&self, container: &str) {
        self.change(|world| world.vanish(container));
    }

    /// Adds a piece of output to a container's log.
    pub fn print(&self, container: &str, stream: Stream, text: &str) {
        self.change(|world| world.print(container, stream, Bytes::copy_from_slice(text.as_bytes())));
    }

    /// All containers, by name.
    pub fn snapshot(&self) -> BTreeMap<String, Container> {
        self.world()
            .containers
            .values()
            .map(|entry| entry.detail.summary.clone())
            .map(|c| (c.name.clone(), c))
            .collect()
    }

    /// All networks but the built-in ones.
    pub fn all_networks(&self) -> Vec<NetworkInfo> {
        self.world().networks.values().filter(|network| !world::is_builtin(&network.name)).cloned().collect()
    }

    /// All volumes.
    pub fn all_volumes(&self) -> Vec<VolumeInfo> {
        self.world().volumes.values().cloned().collect()
    }

    /// Archives unpacked in a container: path and tar.
    pub fn archives(&self, container: &str) -> Vec<(String, Bytes)> {
        self.world().find(container).map(|entry| entry.archives.clone()).unwrap_or_default()
    }

    /// Puts a path into a container: what it is, and what reading it gives.
    pub fn put_path(&self, container: &str, path: &str, info: PathInfo, tar: Bytes) {
        self.change(|world| {
            if let Ok(entry) = world.find_mut(container) {
                entry.paths.insert(path.to_owned(), info);
                entry.archives.push((path.to_owned(), tar));
            }
        });
    }

    /// What a container uses of its host from now on.
    pub fn set_usage(&self, container: &str, usage: Usage) {
        self.change(|world| {
            if let Ok(entry) = world.find_mut(container) {
                entry.usage = usage;
            }
        });
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publisher(&self) -> MutexGuard<'_, broadcast::Sender<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world, publishes its events, wakes those who wait.
    fn change<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let (outcome, events) = {
            let mut world = self.world();
            let outcome = work(&mut world);
            (outcome, std::mem::take(&mut world.events))
        };
        for event in events {
            // Nobody listening is fine.
            let _ = self.publisher().send(event);
        }
        self.changed.send_modify(|version| *version += 1);
        outcome
    }

    /// One call: recorded, made to fail if so scripted, else carried out.
    fn call<T>(
        &self,
        call: &'static str,
        object: &str,
        changes: bool,
        work: impl FnOnce(&mut World) -> std::result::Result<T, Refusal>,
    ) -> Result<T> {
        let fault = {
            let mut script = self.script();
            script.calls.push(Call { call, object: object.to_owned(), changes });
            let number = script.calls.len();
            match script.cut_from {
                Some(from) if number >= from => Some(Fault::Before(ErrorKind::Unreachable)),
                _ => script.faults.get(&number).copied(),
            }
        };
        let error = |kind, message: String| Error { kind, call, object: object.to_owned(), message };
        if fault == Some(Fault::Panic) {
            #[expect(clippy::panic, reason = "this is what is asked for")]
            {
                panic!("injected fault in `{call}`");
            }
        }
        if let Some(Fault::Before(kind)) = fault {
            return Err(error(kind, "injected fault".to_owned()));
        }
        let outcome = if changes { self.change(work) } else { work(&mut self.world()) };
        if let Some(Fault::After(kind)) = fault {
            return Err(error(kind, "injected fault after the effect".to_owned()));
        }
        outcome.map_err(|Refusal(kind, message)| error(kind, message))
    }
}
