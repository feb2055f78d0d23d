//! What a Ruby project declares: `Gemfile`.

use std::collections::BTreeSet;

/// The gems of `gem 'name'` lines, whatever their group.
pub fn gemfile(text: &str) -> BTreeSet<String> {
    let gem = |line: &str| {
        let argument = line.trim().strip_prefix("gem")?.trim_start_matches([' ', '(']);
        let quote = argument.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        argument[1..].split_once(quote).map(|(name, _)| name.to_owned())
    };
    text.lines().filter_map(gem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gemfile_names_gems() {
        let text =
            "source 'x'\ngem 'a', '~> 1'\ngroup :test do\n  gem(\"b\")\nend\n# gem 'c'\ngemspec\ngems 'd\n";
        assert_eq!(gemfile(text), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    }
}
