//! The module that a test lacked, as its language complains of it. Knows those complaints; does not know what the project
//! declares.

use crate::used::Language;

/// A module that was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Whose.
    pub language: Language,
    /// Its name, as the language has it.
    pub module: String,
}

impl Missing {
    /// Where in a tree it would lie, were it the project's own: what a path ends with.
    pub fn files(&self) -> Vec<String> {
        let module = &self.module;
        match self.language {
            Language::Perl => vec![format!("{}.pm", module.replace("::", "/"))],
            Language::Python => vec![format!("{module}.py"), format!("{module}/__init__.py")],
            Language::Node => vec![format!("{module}.js"), format!("{module}/index.js")],
            Language::Ruby => vec![format!("{module}.rb")],
        }
    }

    /// What to do about it, where it is declared already and where it isn't.
    pub fn hint(&self, declared: bool) -> String {
        let module = &self.module;
        let (declare, bring) = match self.language {
            Language::Perl => {
                (format!("`requires '{module}';` in `cpanfile`"), "`cpanm -L local --installdeps .`")
            }
            Language::Python => (
                format!("what brings `{module}` in `requirements.txt`"),
                "`pip wheel -r requirements.txt -w wheelhouse`",
            ),
            Language::Node => (format!("`{module}` in `package.json`"), "`npm ci`"),
            Language::Ruby => (
                format!("what brings `{module}` in `Gemfile`"),
                "`bundle config set --local path vendor/bundle && bundle install`",
            ),
        };
        match declared {
            true => format!(
                "`{module}` is declared, and neither in the artifact nor on this machine: with {bring} among \
                 `build.steps` the artifact brings it"
            ),
            false => format!(
                "`{module}` is declared nowhere, and a test gets only what is: {declare}; with {bring} among \
                 `build.steps` the artifact brings it"
            ),
        }
    }
}

/// The first module that `output` says was not found.
pub fn missing(output: &str) -> Option<Missing> {
    output
        .lines()
        .find_map(|line| perl(line).or_else(|| python(line)).or_else(|| node(line)).or_else(|| ruby(line)))
}

fn perl(line: &str) -> Option<Missing> {
    let (_, behind) = line.split_once("Can't locate ")?;
    let (file, _) = behind.split_once(".pm in @INC")?;
    named(Language::Perl, &file.replace('/', "::"), |c| c == ':' || c == '_' || c.is_ascii_alphanumeric())
}

fn python(line: &str) -> Option<Missing> {
    let (_, behind) = line.split_once("No module named ")?;
    let name = behind.trim_matches(['\'', '"']).split(['\'', '"', '.', ';', ' ']).next()?;
    named(Language::Python, name, |c| c == '_' || c.is_alphanumeric())
}

fn node(line: &str) -> Option<Missing> {
    let (_, behind) =
        line.split_once("Cannot find module '").or_else(|| line.split_once("Cannot find package '"))?;
    let name = behind.split('\'').next()?;
    // What begins with a dot or a slash is a file of the project's own.
    if name.starts_with(['.', '/']) {
        return None;
    }
    let parts = if name.starts_with('@') { 2 } else { 1 };
    let name = name.split('/').take(parts).collect::<Vec<_>>().join("/");
    named(Language::Node, &name, |c| "@/-_.".contains(c) || c.is_ascii_alphanumeric())
}

fn ruby(line: &str) -> Option<Missing> {
    let (_, behind) = line.split_once("cannot load such file -- ")?;
    let name = behind.split(' ').next()?;
    // A path is a file of the project's own.
    if name.starts_with(['.', '/']) {
        return None;
    }
    named(Language::Ruby, name, |c| "-_./".contains(c) || c.is_ascii_alphanumeric())
}

/// Whatever a test says is shown to the operator with a command to type: only a name that can be one is taken.
fn named(language: Language, name: &str, inside: impl Fn(char) -> bool) -> Option<Missing> {
    const LONGEST: usize = 200;
    let is_name = !name.is_empty() && name.len() <= LONGEST && name.chars().all(inside);
    is_name.then(|| Missing { language, module: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_complains_in_its_own_way() {
        let cases = [
            (
                "x\nCan't locate Foo/Bar.pm in @INC (you may need to install the Foo::Bar module) (@INC contains: lib)",
                "perl Foo::Bar",
            ),
            (
                "Couldn't load class (A) because: Can't locate B.pm in @INC (@INC entries checked: x) at y",
                "perl B",
            ),
            ("ModuleNotFoundError: No module named 'yaml'", "python yaml"),
            ("/usr/bin/python3: No module named pytest", "python pytest"),
            ("ModuleNotFoundError: No module named 'a.b'; 'a' is not a package", "python a"),
            ("Error: Cannot find module '@s/p/q'", "node @s/p"),
            (
                "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'left-pad' imported from /x.mjs",
                "node left-pad",
            ),
            (
                "<internal:x>: in `require': cannot load such file -- i18n/core_ext (LoadError)",
                "ruby i18n/core_ext",
            ),
        ];
        for (output, expected) in cases {
            let missing = missing(output).unwrap();
            assert_eq!(format!("{} {}", missing.language.name(), missing.module), expected, "{output}");
        }
        for output in
            ["Cannot find module './x'", "Can't locate object method \"x\"", "No module named '$(x)'", "fine"]
        {
            assert_eq!(missing(output), None, "{output}");
        }
    }
}
