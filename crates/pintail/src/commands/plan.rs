//! `plan`: shows the very plan that `deploy` would run, and does nothing.

use super::promotion::Before;
use super::{asks, operation, plan_screen, signed};
use crate::args;
use crate::exit::{Exit, Failure};
use crate::project::Place;
use crate::screen;
use pintail_core::plan::{Desired, Plan};
use pintail_fleet::target;

pub(crate) fn run(place: &Place, args: &args::Plan) -> Result<Exit, Failure> {
    let project = place.project()?;
    let target = project.target(&args.target)?;
    let (wish, _) = operation::release(&project, args.version.as_deref())?;
    let signed = signed::required(&project, &project.depot(), target, &wish)?;
    let operator = project.operator()?;
    let before = Before::of(&project, &operator, target, &wish)?;
    let mut hosts = operator.observe(target)?;
    let patches = operation::patches(&project, &wish, &mut hosts);
    let said = asks::said(&project, &project.depot(), target, &wish, &mut hosts)?;
    let desired = Desired { config: &project.config, target, wish: &wish, patches: &patches, said: &said };
    let plan = Plan { signed, ..target::plan(desired, &hosts)? };
    if args.json {
        screen::print_document(&plan);
    } else {
        let commits = operation::commits(&project, &plan);
        screen::print(plan_screen::shown(&plan, &commits, before.as_ref()).trim_end());
    }
    asks::check(&plan, &mut hosts)?;
    Ok(Exit::Done)
}
