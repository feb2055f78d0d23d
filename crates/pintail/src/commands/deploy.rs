//! `deploy`: makes a version live on a target.

use super::operation::{self, Order};
use crate::args::Deploy;
use crate::exit::{Exit, Failure};
use crate::project::Place;

pub(crate) fn run(place: &Place, args: &Deploy) -> Result<Exit, Failure> {
    let project = place.project()?;
    let target = project.target(&args.target)?;
    let (wish, artifact) = operation::release(&project, args.version.as_deref())?;
    operation::run(&Order {
        project: &project,
        target,
        wish,
        depot: &project.depot(),
        artifact: Some(artifact),
        token: None,
        how: &args.how,
    })
}
