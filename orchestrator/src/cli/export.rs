//! `stack export`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::carry_out::Signals;
use super::scope::Scope;
use super::{Context, block_on, dry_run, flags};
use crate::backend;
use crate::error::{CommandError, Result};
use crate::ui::output;
use crate::ui::progress::{Mode, Reporter, Status, Update};
use crate::ui::style::printable;
use crate::ui::terminal;

/// Write all files of a service's container as a tar archive
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of the container, where the service has several
    #[arg(long, value_name = "N", value_parser = flags::index, allow_negative_numbers = true)]
    index: Option<u32>,
    /// Into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Service
    #[arg(value_name = "SERVICE")]
    service: String,
}

/// Writes the archive. A file appears only once it is whole.
///
/// # Errors
/// See [`CommandError`].
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if args.output.is_none() && terminal::stdout_is_terminal() {
        return Err(CommandError::new("standard output is a terminal, and an archive is not for reading")
            .hint("name a file with `-o FILE`, or redirect it"));
    }
    let scope = Scope::find(context, std::slice::from_ref(&args.service))?;
    let engine = context.engine()?;
    let mode = Mode::choose(&context.global.progress, &context.global.ansi, output::progress_is_watched())?;
    block_on(async {
        let mut signals = Signals::new()?;
        let container = scope.any(&engine, &args.service, args.index).await?;
        let target = args.output.as_ref().map(|path| format!(" to {}", path.display())).unwrap_or_default();
        let words = printable(&format!("export {}{target}", container.name));
        if context.global.dry_run {
            dry_run::print(&words)?;
            return Ok(ExitCode::SUCCESS);
        }
        let reporter = Reporter::new(mode);
        let update = |status, details| {
            reporter.update(Update { id: &container.name, status, text: &words, details });
        };
        update(Status::Working, "Exporting");
        let exported = async {
            let archive = engine.export_container(&container.id).await?;
            match &args.output {
                Some(path) => to_file(archive, &context.working_dir.join(path)).await,
                None => write(archive, &mut tokio::io::stdout()).await,
            }
        };
        // An interrupt takes what has been written away, too.
        let outcome = tokio::select! {
            outcome = exported => outcome,
            () = signals.next() => Err(CommandError::interrupted()),
        };
        match &outcome {
            Ok(()) => update(Status::Done, "Exported"),
            // A reader of our output that has gone away is a quiet end, and so is an interrupt.
            Err(error) if error.message.is_empty() => {}
            Err(_) => update(Status::Error, "Error"),
        }
        reporter.finish();
        outcome.map(|()| ExitCode::SUCCESS)
    })
}

pub(super) async fn write(
    mut archive: BoxStream<'static, backend::Result<Bytes>>,
    output: &mut (impl AsyncWrite + Unpin),
) -> Result<()> {
    while let Some(piece) = archive.next().await {
        output.write_all(&piece?).await?;
    }
    Ok(output.flush().await?)
}

/// Writes beside the file and renames, so that what was there stays until all is well. A device or a pipe is written to.
pub(super) async fn to_file(archive: BoxStream<'static, backend::Result<Bytes>>, path: &Path) -> Result<()> {
    let cannot = |error: &std::io::Error| {
        CommandError::new(format!("cannot write {}: {error}", printable(&path.display().to_string())))
    };
    match tokio::fs::metadata(path).await {
        Ok(meta) if meta.is_dir() => {
            return Err(CommandError::new(format!("{} is a folder", printable(&path.display().to_string())))
                .hint("name a file in it"));
        }
        Ok(meta) if !meta.is_file() => {
            let mut file =
                tokio::fs::OpenOptions::new().write(true).open(path).await.map_err(|error| cannot(&error))?;
            return write(archive, &mut file).await;
        }
        _ => {}
    }
    let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
    let made = tokio::task::spawn_blocking(move || tempfile::Builder::new().prefix(".export-").tempfile_in(folder));
    let made = made.await.map_err(std::io::Error::other).and_then(|made| made).map_err(|error| cannot(&error))?;
    let (file, temporary) = made.into_parts();
    write(archive, &mut tokio::fs::File::from_std(file)).await?;
    let target = path.to_owned();
    let renamed = tokio::task::spawn_blocking(move || temporary.persist(target).map_err(|error| error.error));
    renamed.await.map_err(std::io::Error::other).and_then(|renamed| renamed).map_err(|error| cannot(&error))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs;

    use bytes::Bytes;
    use futures_util::StreamExt as _;

    use super::to_file;
    use crate::backend::{Error, ErrorKind, Result};

    fn archive(pieces: Vec<Result<Bytes>>) -> futures_util::stream::BoxStream<'static, Result<Bytes>> {
        futures_util::stream::iter(pieces).boxed()
    }

    fn broken() -> Result<Bytes> {
        Err(Error {
            kind: ErrorKind::Engine,
            call: "export container",
            object: String::new(),
            message: "broke off".into(),
        })
    }

    #[tokio::test]
    async fn a_file_stays_as_it_was_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar");
        fs::write(&path, "before").unwrap();
        let failed = to_file(archive(vec![Ok(Bytes::from_static(b"half")), broken()]), &path).await;
        assert!(failed.is_err_and(|error| error.message.contains("broke off")));
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        to_file(archive(vec![Ok(Bytes::from_static(b"wh")), Ok(Bytes::from_static(b"ole"))]), &path).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        let failed = to_file(archive(Vec::new()), folder.path()).await.unwrap_err();
        assert!(failed.message.ends_with("is a folder"));
        let failed = to_file(archive(Vec::new()), &folder.path().join("none/x.tar")).await.unwrap_err();
        assert!(failed.message.contains("No such file or directory"), "{failed}");
        to_file(archive(vec![Ok(Bytes::from_static(b"x"))]), "/dev/null".as_ref()).await.unwrap();
    }
}
