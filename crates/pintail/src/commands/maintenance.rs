//! `maintenance`: raises or lowers the flag that a front looks at.

use super::operation::{as_it_ended, on_each};
use crate::args::{self, OnOff};
use crate::exit::{Exit, Failure};
use crate::project::Place;
use pintail_core::wire::Ask;

pub(crate) fn run(place: &Place, args: &args::Maintenance) -> Result<Exit, Failure> {
    let project = place.project()?;
    let (on, long) = (args.state == OnOff::On, args.long);
    if long && !on {
        return Err(Failure::usage(
            "`--long` says nothing about `off`",
            "both flags go when maintenance ends",
            "leave it out",
        ));
    }
    let ask =
        |operator: &pintail_fleet::target::Operator| Ask::Maintenance { on, long, by: operator.by.clone() };
    on_each(&project, project.target(&args.target)?, false, false, ask, as_it_ended)
}
