//! What commits want a host to have before anything changes there. Looks, changes nothing; who asks for it is not known
//! here.

use crate::steps::program_environment;
use pintail_core::layout::Layout;
use pintail_core::notes::Requirement;
use pintail_os::program::{Ended, Program};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one look may take: loading a large Perl module takes seconds.
const LOOK_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 64 << 10;

/// Loads a module and compares its version, as `use Module VERSION` would.
const PERL: &str = "my ($module, $least) = @ARGV; (my $file = \"$module.pm\") =~ s{::}{/}g; require $file; \
                    $module->VERSION($least) if defined $least;";

/// What of `requires` the host lacks, a sentence each. Commands are looked for with the environment that a release's
/// processes get.
pub fn lacking(layout: &Layout, requires: &[Requirement]) -> Vec<String> {
    let settings = crate::settings::read(layout).map(|settings| settings.values).unwrap_or_default();
    let environment = program_environment(&settings, BTreeMap::new());
    let look = |program: Program| {
        program.with_environment(environment.clone()).within(LOOK_WITHIN).output(ANSWER_MAX)
    };
    let lack = |requirement: &Requirement| match requirement {
        Requirement::Cmd { program } => {
            let found = look(Program::shell("command -v -- \"$0\"").args([program]));
            found.is_err().then(|| format!("the program `{program}` is in no folder of PATH"))
        }
        Requirement::Env { setting } => (!settings.contains_key(setting))
            .then(|| format!("the setting `{setting}` is not set; `pintail env set` sets it")),
        Requirement::Apt { package } => {
            let asked = look(Program::new("dpkg-query").args(["-W", "-f", "${Status}", package]));
            let installed = asked.is_ok_and(|status| status.ends_with(b" ok installed"));
            (!installed).then(|| format!("the package `{package}` is not installed"))
        }
        Requirement::Cpan { module, at_least } => {
            let least = at_least.iter().map(|version| version.as_str().to_owned());
            let perl = Program::new("perl").args(["-e", PERL, module]).args(least);
            let mut said = Vec::new();
            let ended = perl
                .with_environment(environment.clone())
                .within(LOOK_WITHIN)
                .run(&mut |_, bytes| said.extend_from_slice(bytes), &|| true);
            match ended {
                Ok(ended) if ended.is_success() => None,
                Ok(ended) => Some(format!("`{requirement}`: {}", why(&said, &ended))),
                Err(error) => Some(format!("`{requirement}`: perl can't be run: {error}")),
            }
        }
    };
    requires.iter().filter_map(lack).collect()
}

/// What perl complained of, without where it looked and without its trace.
fn why(said: &[u8], ended: &Ended) -> String {
    let said = String::from_utf8_lossy(&said[..said.len().min(ANSWER_MAX)]);
    let first = said.lines().map(str::trim).find(|line| !line.is_empty());
    let short = |line: &str| {
        let end = [" in @INC", " at -e", " at (eval"].iter().filter_map(|behind| line.find(behind)).min();
        line[..end.unwrap_or(line.len())].to_owned()
    };
    first.map_or_else(|| format!("perl {ended}"), short)
}
