//! Perl's text as tokens: words, quoted texts, signs, each with its line. Comments, POD, here-documents, patterns and all
//! behind `__END__` are left out. Knows Perl's quoting, not its grammar, and so guesses where a `/` begins a pattern.

/// Words behind which a `/` begins a pattern; behind any other it divides.
const BEFORE_PATTERN: [&str; 21] = [
    "and", "cmp", "eq", "ge", "grep", "gt", "if", "join", "le", "lt", "map", "ne", "not", "or", "push",
    "return", "split", "unless", "until", "when", "while",
];
/// Words that begin something quoted.
const QUOTES: [&str; 9] = ["m", "q", "qq", "qr", "qw", "qx", "s", "tr", "y"];

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A bare word, with its `::`.
    Word(String),
    /// The name behind an arrow.
    Method(String),
    /// What stands in quotes, as it stands there.
    Text(String),
    /// The words of a `qw`.
    Words(Vec<String>),
    /// A variable, a pattern, a here-document.
    Value,
    /// A number, or a version, as it stands there.
    Number(String),
    /// `=>`.
    Fat,
    /// `->`.
    Arrow,
    /// Any other sign.
    Sign(char),
}

/// Whether `name` could be a module's: `Foo`, `Foo::Bar`, `Foo::2022`.
pub fn is_module(name: &str) -> bool {
    name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && name
            .split("::")
            .all(|part| !part.is_empty() && part.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()))
}

/// The tokens of `text`, each with its line, from 1.
pub fn tokens(text: &str) -> Vec<(Token, usize)> {
    let mut lexer =
        Lexer { text: text.chars().collect(), at: 0, line: 1, tokens: Vec::new(), waiting: Vec::new() };
    lexer.run();
    lexer.tokens
}

struct Lexer {
    text: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<(Token, usize)>,
    /// The ends of here-documents whose bodies begin with the next line, and whether they may be indented.
    waiting: Vec<(String, bool)>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn push(&mut self, token: Token, line: usize) {
        self.tokens.push((token, line));
    }

    fn last(&self) -> Option<&Token> {
        self.tokens.last().map(|(token, _)| token)
    }

    /// Whether a value has just ended, so that a sign that could begin one is an operator.
    fn behind_value(&self) -> bool {
        match self.last() {
            Some(Token::Value | Token::Number(_) | Token::Text(_) | Token::Words(_) | Token::Method(_)) => {
                true
            }
            Some(Token::Sign(sign)) => matches!(sign, ')' | ']' | '}'),
            Some(Token::Word(word)) => !BEFORE_PATTERN.contains(&word.as_str()),
            _ => false,
        }
    }

    fn run(&mut self) {
        self.skip_pod();
        while let Some(c) = self.peek(0) {
            let line = self.line;
            match c {
                '\n' => self.end_line(),
                c if c.is_whitespace() => self.at += 1,
                '#' => self.skip_line(),
                '_' | 'a'..='z' | 'A'..='Z' => {
                    if !self.word() {
                        return;
                    }
                }
                '0'..='9' => self.number(),
                '\'' | '"' | '`' => {
                    self.at += 1;
                    let text = self.until(c, c);
                    self.push(Token::Text(text), line);
                }
                '$' => self.variable(),
                '@' | '%' | '&' => self.sigil(c),
                '/' if !self.behind_value() => self.pattern(),
                '<' => self.less(),
                '=' if self.peek(1) == Some('>') => self.sign(Token::Fat, 2),
                '=' | '!' if self.peek(1) == Some('~') => self.sign(Token::Sign('~'), 2),
                '-' if self.peek(1) == Some('>') => self.sign(Token::Arrow, 2),
                other => self.sign(Token::Sign(other), 1),
            }
        }
    }

    fn sign(&mut self, token: Token, length: usize) {
        self.push(token, self.line);
        self.at += length;
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    /// The text of the line that begins here; goes behind it.
    fn take_line(&mut self) -> String {
        let start = self.at;
        self.skip_line();
        let line = self.text[start..self.at].iter().collect();
        if self.at < self.text.len() {
            self.at += 1;
            self.line += 1;
        }
        line
    }

    fn end_line(&mut self) {
        self.at += 1;
        self.line += 1;
        for (end, indented) in std::mem::take(&mut self.waiting) {
            while self.at < self.text.len() {
                let line = self.take_line();
                let line = line.trim_end_matches('\r');
                if line == end || (indented && line.trim_start() == end) {
                    break;
                }
            }
        }
        self.skip_pod();
    }

    /// POD begins only where a line does.
    fn skip_pod(&mut self) {
        while self.peek(0) == Some('=') && self.peek(1).is_some_and(|c| c.is_ascii_alphabetic()) {
            while self.at < self.text.len() {
                if self.take_line().starts_with("=cut") {
                    break;
                }
            }
        }
    }

    /// A word, and what it begins; no more is read behind `__END__`.
    fn word(&mut self) -> bool {
        let line = self.line;
        // `-s $file`, `\s` in a pattern that we took for something else.
        let dashed = self.at > 0 && matches!(self.text[self.at - 1], '-' | '\\');
        let word = self.name();
        if matches!(self.last(), Some(Token::Arrow)) {
            self.push(Token::Method(word), line);
            return true;
        }
        if word == "__END__" || word == "__DATA__" {
            return false;
        }
        let named =
            matches!(self.last(), Some(Token::Word(before)) if before == "sub" || before == "package");
        if named || dashed {
            self.push(Token::Word(word), line);
            if named {
                self.skip_prototype();
            }
            return true;
        }
        if QUOTES.contains(&word.as_str()) && self.quote(&word, line) {
            return true;
        }
        let is_version = word
            .strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()));
        match is_version {
            true => self.number(),
            false => self.push(Token::Word(word), line),
        }
        true
    }

    fn name(&mut self) -> String {
        let inside = |c: Option<char>| c.is_some_and(|c| c == '_' || c.is_alphanumeric());
        let mut name = String::new();
        loop {
            match self.peek(0) {
                Some(c) if inside(Some(c)) => {
                    name.push(c);
                    self.at += 1;
                }
                Some(':') if self.peek(1) == Some(':') && !name.ends_with(':') => {
                    name.push_str("::");
                    self.at += 2;
                }
                // `Foo'Bar`, as Perl 4 had it.
                Some('\'') if !QUOTES.contains(&name.as_str()) && inside(self.peek(1)) => {
                    name.push_str("::");
                    self.at += 1;
                }
                _ => return name.strip_suffix("::").unwrap_or(&name).to_owned(),
            }
        }
    }

    /// `($$;@)` behind the name of a sub: its `$)` and `$;` are no variables.
    fn skip_prototype(&mut self) {
        let mut at = self.at;
        while self.text.get(at).is_some_and(|c| *c == ' ') {
            at += 1;
        }
        if self.text.get(at) != Some(&'(') {
            return;
        }
        let inside = |c: &char| "$@%&*;\\[]+_ ".contains(*c);
        let length = self.text[at + 1..].iter().take_while(|c| inside(c)).count();
        if self.text.get(at + 1 + length) == Some(&')') {
            self.at = at + length + 2;
        }
    }

    /// What a word such as `qw` begins; false where it is only a name.
    fn quote(&mut self, word: &str, line: usize) -> bool {
        let mut ahead = 0;
        while self.peek(ahead).is_some_and(char::is_whitespace) {
            ahead += 1;
        }
        let Some(open) = self.peek(ahead) else { return false };
        let in_braces = open == '}' && matches!(self.last(), Some(Token::Sign('{')));
        // Behind `=~` it can be nothing else: `m,a/b,`.
        let announced = matches!(self.last(), Some(Token::Sign('~'))) && ahead == 0;
        let ends = matches!(open, '=' | ',' | ';' | ')') && !announced;
        let no_delimiter = ends || open.is_alphanumeric() || open == '_';
        if in_braces || no_delimiter || (ahead > 0 && open == '#') {
            return false;
        }
        while self.at < self.text.len() && ahead > 0 {
            if self.peek(0) == Some('\n') {
                self.line += 1;
            }
            self.at += 1;
            ahead -= 1;
        }
        self.at += 1;
        let body = self.until(open, closing(open));
        if matches!(word, "s" | "tr" | "y") {
            self.second_part(open);
        }
        if !matches!(word, "q" | "qq" | "qw" | "qx") {
            while self.peek(0).is_some_and(|c| c.is_ascii_alphabetic()) {
                self.at += 1;
            }
        }
        let token = match word {
            "qw" => Token::Words(body.split_whitespace().map(str::to_owned).collect()),
            "q" | "qq" | "qx" => Token::Text(body),
            _ => Token::Value,
        };
        self.push(token, line);
        true
    }

    fn second_part(&mut self, open: char) {
        if closing(open) == open {
            self.until(open, open);
            return;
        }
        while let Some(c) = self.peek(0) {
            match c {
                '\n' => self.line += 1,
                '#' => {
                    self.skip_line();
                    continue;
                }
                c if c.is_whitespace() => {}
                open => {
                    self.at += 1;
                    self.until(open, closing(open));
                    return;
                }
            }
            self.at += 1;
        }
    }

    /// What stands up to the `close` of an `open` that was just read; goes behind it.
    fn until(&mut self, open: char, close: char) -> String {
        let mut depth = 1;
        let mut body = String::new();
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '\n' => self.line += 1,
                '\\' => {
                    body.push(c);
                    if let Some(escaped) = self.peek(0) {
                        if escaped == '\n' {
                            self.line += 1;
                        }
                        body.push(escaped);
                        self.at += 1;
                    }
                    continue;
                }
                c if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                c if c == open => depth += 1,
                _ => {}
            }
            body.push(c);
        }
        body
    }

    fn number(&mut self) {
        let (line, from) = (self.line, self.at);
        while let Some(c) = self.peek(0) {
            let range = c == '.' && self.peek(1) == Some('.');
            if range || !(c.is_ascii_alphanumeric() || c == '_' || c == '.') {
                break;
            }
            self.at += 1;
        }
        let number = self.text[from..self.at].iter().collect();
        self.push(Token::Number(number), line);
    }

    fn variable(&mut self) {
        let line = self.line;
        self.at += 1;
        if self.peek(0) == Some('#') && self.peek(1).is_some_and(|c| "{$_".contains(c) || c.is_alphabetic()) {
            self.at += 1;
        }
        while self.peek(0) == Some('$')
            && self.peek(1).is_some_and(|c| "{$_:".contains(c) || c.is_alphanumeric())
        {
            self.at += 1;
        }
        match self.peek(0) {
            // `${name}`, or an expression in braces, which is read like any other.
            Some('{') => {
                let length =
                    self.text[self.at + 1..].iter().take_while(|c| **c == '^' || c.is_alphanumeric());
                let length = length.count();
                if self.peek(length + 1) == Some('}') {
                    self.at += length + 2;
                } else {
                    return;
                }
            }
            Some('^') => self.at += 2,
            Some(c) if c == '_' || c == ':' || c.is_alphanumeric() => {
                if self.name().is_empty() {
                    self.at += 1;
                }
            }
            Some(')' | ';' | '(') | None => {}
            Some(c) if c.is_whitespace() => {}
            Some(_) => self.at += 1,
        }
        self.push(Token::Value, line);
    }

    fn sigil(&mut self, sigil: char) {
        let begins = |c: char| c == '$' || c == '{' || c == '_' || c == ':' || c.is_alphabetic();
        if self.behind_value() || !self.peek(1).is_some_and(begins) {
            self.sign(Token::Sign(sigil), 1);
            return;
        }
        self.variable();
    }

    fn pattern(&mut self) {
        let line = self.line;
        let announced = matches!(self.last(), Some(Token::Sign('~')));
        let mut at = self.at + 1;
        let mut in_class = false;
        while let Some(c) = self.text.get(at) {
            match c {
                '\\' => at += 1,
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => break,
                '\n' if !announced => break,
                _ => {}
            }
            at += 1;
        }
        if self.text.get(at) != Some(&'/') {
            self.sign(Token::Sign('/'), 1);
            return;
        }
        self.line += self.text[self.at..at].iter().filter(|c| **c == '\n').count();
        self.at = at + 1;
        while self.peek(0).is_some_and(|c| c.is_ascii_alphabetic()) {
            self.at += 1;
        }
        self.push(Token::Value, line);
    }

    /// A here-document, `<STDIN>`, or less than.
    fn less(&mut self) {
        if self.peek(1) != Some('<') {
            return self.sign(Token::Sign('<'), 1);
        }
        let indented = self.peek(2) == Some('~');
        let at = self.at + 2 + usize::from(indented);
        let value = matches!(self.last(), Some(Token::Value | Token::Number(_) | Token::Sign(')' | ']')));
        let (tag, end) = match self.text.get(at) {
            Some(quote @ ('"' | '\'')) => {
                let length = self.text[at + 1..].iter().take_while(|c| *c != quote && **c != '\n').count();
                (at + 1..at + 1 + length, at + length + 2)
            }
            Some(c) if (*c == '_' || c.is_alphabetic()) && !value => {
                let length = self.text[at..].iter().take_while(|c| **c == '_' || c.is_alphanumeric()).count();
                (at..at + length, at + length)
            }
            _ => return self.sign(Token::Sign('<'), 2),
        };
        let tag = self.text[tag].iter().collect();
        self.waiting.push((tag, indented));
        self.push(Token::Value, self.line);
        self.at = end;
    }
}

fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        same => same,
    }
}
