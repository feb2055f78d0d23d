//! The pages of a simple index. Knows HTML and no disk; the same files give the same bytes.

use super::name::{FileName, ProjectName};

/// The page of one project: its files with their SHA-256, by name.
pub(crate) fn of_project<'a>(
    project: &ProjectName,
    files: impl Iterator<Item = (&'a FileName, &'a str)>,
) -> String {
    let link = |(file, sha256): (&FileName, &str)| {
        let file = file.as_str();
        // Names have letters, digits and `. _ + ! -` only; of these a path of a URL has `+` and `!` as they are.
        format!("    <a href=\"../../packages/{project}/{file}#sha256={sha256}\">{file}</a><br>\n")
    };
    page(&format!("Links for {project}"), &files.map(link).collect::<String>())
}

/// The page of all projects.
pub(crate) fn of_all<'a>(projects: impl Iterator<Item = &'a ProjectName>) -> String {
    let link = |project: &ProjectName| format!("    <a href=\"{project}/\">{project}</a><br>\n");
    page("Simple index", &projects.map(link).collect::<String>())
}

fn page(title: &str, links: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n  <head>\n    <meta name=\"pypi:repository-version\" content=\"1.0\">\n    \
         <title>{title}</title>\n  </head>\n  <body>\n{links}  </body>\n</html>\n"
    )
}
