//! Bringing an image: pulled, built, or the one that is here.

use std::sync::Arc;

use super::{End, Shared, StepError};
use crate::backend::{BuildSpec, Error, Progress, ProgressSink};
use crate::reconcile::{observed, platform};

impl Shared<'_> {
    fn sink(&self, image: &str, quiet: bool) -> ProgressSink {
        let sink = self.executor.reporter.sink(&format!("Image {image}"));
        if !quiet {
            return sink;
        }
        Arc::new(move |progress| {
            if matches!(progress, Progress::Warning(_)) {
                sink(progress);
            }
        })
    }

    pub(super) async fn build(&self, spec: &BuildSpec) -> Result<String, StepError> {
        Ok(self.executor.engine.build(spec, self.sink(&spec.tag, self.executor.quiet_build)).await?)
    }

    /// Takes the image that is here, or builds it, where one that can be built could not be pulled.
    pub(super) async fn make_do(&self, spec: &BuildSpec, error: &Error) -> Result<End, StepError> {
        let here = self.executor.engine.image(&spec.tag).await?;
        let instead = if here.is_some() { "the one that is here is used" } else { "it is built" };
        let why = &error.message;
        self.executor.reporter.message(&format!("warning: cannot pull image `{}`, {instead}: {why}", spec.tag));
        let (id, word) = match here {
            Some(image) => (image.id, "Present"),
            None => (self.build(spec).await?, "Built"),
        };
        Ok(End::Instead(id, word))
    }

    pub(super) async fn pull(&self, image: &str, platform: &str) -> Result<End, StepError> {
        let engine = &self.executor.engine;
        engine.pull(image, platform, self.sink(image, self.executor.quiet_pull)).await?;
        let Some(came) = engine.image(image).await? else {
            return Err(StepError::NoId(image.to_owned()));
        };
        let info = engine.info().await?;
        if platform.is_empty()
            && info.local
            && platform::is_foreign(&came.platform, &info.platform, &observed::emulated())
        {
            let engine = info.platform;
            return Err(StepError::Foreign { image: image.to_owned(), platform: came.platform, engine });
        }
        Ok(End::Done(Some(came.id)))
    }
}
