//! `rollback`: makes a release live again that the hosts still have. Needs no git and no depot.

use super::operation::{self, Order};
use crate::args::Rollback;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use pintail_core::plan::Wish;

pub(crate) fn run(place: &Place, args: &Rollback) -> Result<Exit, Failure> {
    let project = place.project()?;
    let target = project.target(&args.target)?;
    let wish = Wish::Back(args.version.clone());
    operation::run(&Order {
        project: &project,
        target,
        wish,
        depot: &project.depot(),
        artifact: None,
        token: None,
        how: &args.how,
    })
}
