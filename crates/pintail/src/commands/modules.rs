//! What `doctor` says of the modules that a project uses and does not declare.

use pintail_core::wire::Finding;
use pintail_release::git;
use pintail_release::used::Language;
use pintail_release::used::undeclared::{Report, Undeclared, Why, undeclared};
use std::path::Path;

/// Files that are named for each module.
const PLACES_TOLD: usize = 3;

/// A finding for each module, or one for a language in which all is declared. None where git has no files of the project.
pub(crate) fn findings(folder: &Path) -> Vec<Finding> {
    let files = git::files(folder).unwrap_or_default();
    undeclared(folder, &files).iter().flat_map(told).collect()
}

fn told(report: &Report) -> Vec<Finding> {
    let what = report.language.name();
    let fine = |how: String| Finding { what: what.to_owned(), bad: false, how, hint: None };
    if let Some(why) = &report.untold {
        return vec![fine(why.clone())];
    }
    if report.undeclared.is_empty() {
        if report.used == 0 {
            return vec![fine("nothing of others is used".to_owned())];
        }
        return vec![fine(format!("all that is used of others is declared, modules: {}", report.used))];
    }
    report.undeclared.iter().map(one).collect()
}

fn one(undeclared: &Undeclared) -> Finding {
    let Undeclared { language, module, why, places } = undeclared;
    let (bad, how) = match why {
        Why::Nowhere => (true, format!("`{module}` is used and declared nowhere")),
        Why::ForTestsOnly => (true, format!("`{module}` is declared for tests only and used elsewhere")),
        Why::Through(other) => (
            false,
            format!("`{module}` is declared nowhere and comes only with `{other}`, which others need"),
        ),
        Why::PerhapsOf(other) => {
            (false, format!("`{module}` is not installed here; by its name it may be part of `{other}`"))
        }
        Why::Optional => {
            (false, format!("`{module}` is declared nowhere, and done without where it is not there"))
        }
    };
    let hint = bad.then(|| hint(*language, module));
    Finding { what: language.name().to_owned(), bad, how: format!("{how}: {}", told_places(places)), hint }
}

fn hint(language: Language, module: &str) -> String {
    match language {
        Language::Perl => format!("`requires '{module}';` in `cpanfile`, or the distribution that brings it"),
        Language::Python => {
            format!("the distribution that brings `{module}`, in `requirements.txt` or `pyproject.toml`")
        }
        Language::Ruby => format!("the gem that brings `{module}`, in `Gemfile`"),
        Language::Node => {
            format!(
                "`npm install --save {module}` puts it into `package.json`; not if a bundler's alias is meant"
            )
        }
    }
}

fn told_places(places: &[(String, usize)]) -> String {
    let told: Vec<String> =
        places.iter().take(PLACES_TOLD).map(|(path, line)| format!("{path}:{line}")).collect();
    match places.len().checked_sub(PLACES_TOLD).filter(|more| *more > 0) {
        None => told.join(", "),
        Some(more) => format!("{} and {more} more", told.join(", ")),
    }
}
