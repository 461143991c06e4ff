//! A service is an image, something to build, or a provider.

use super::Check;
use crate::codes::check::{EXCLUSIVE, NO_IMAGE};

pub(super) fn check(check: &mut Check<'_>) {
    let project = check.project;
    for (name, service) in &project.services {
        if service.build.is_none() && service.image.is_empty() && service.provider.is_none() {
            let at = check.place(&["services", name]);
            let message = format!("service `{name}` has neither an image nor a build context");
            check
                .error(NO_IMAGE, message, at, "")
                .hints
                .push("add `image:` to run one, or `build:` to make one".to_owned());
        }
        let Some(build) = &service.build else { continue };
        if !build.dockerfile.is_empty() && !build.dockerfile_inline.is_empty() {
            let at = check.place(&["services", name, "build", "dockerfile_inline"]);
            let message = format!("service `{name}` has both `dockerfile` and `dockerfile_inline`");
            check.error(EXCLUSIVE, message, at, "");
        }
        let platform = &service.platform;
        if !platform.is_empty() && !build.platforms.is_empty() && !build.platforms.contains(platform) {
            let at = check.place(&["services", name, "build", "platforms"]);
            let message = format!("service `{name}` runs on `{platform}`, for which it is not built");
            check.error(EXCLUSIVE, message, at, "").hints.push(format!("add `{platform}` to `build.platforms`"));
        }
    }
}
