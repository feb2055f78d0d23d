//! `[[sites]]`: the virtual hosts of the front, and what each answers. Knows nothing of which front it is.

use std::{ops::RangeInclusive, path::PathBuf};

use super::{
    did_you_mean, path, places,
    problem::Complaint,
    process::Declared,
    walk::{Node, Walk},
};

/// A virtual host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The host names, lower case, at least one, none in two sites; `*.` may lead.
    pub names: Vec<String>,
    /// How it speaks TLS, if it does.
    pub tls: Option<Tls>,
    /// What it answers.
    pub answer: SiteAnswer,
}

/// Where the certificate of a site comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// `acme`: asked for and renewed by the front itself.
    Acme,
    /// Files on the host, absolute.
    Files {
        /// The certificate with its chain, PEM.
        certificate: PathBuf,
        /// The private key, PEM.
        key: PathBuf,
    },
}

/// What a site answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteAnswer {
    /// Every request is sent elsewhere.
    Redirect(RedirectTo),
    /// Files and processes.
    Serve(Serve),
}

/// Where to a site redirects; `{path}` stands for the path and query that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectTo(pub String);

/// How a site serves files and processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// The folder of the files; relative to the application's root unless absolute.
    pub root: Option<PathBuf>,
    /// The file that answers for a folder.
    pub index: Option<String>,
    /// What is tried, in this order. Default: the file, where there is a root.
    pub attempts: Vec<Try>,
    /// Paths that lead to other files.
    pub alias: Vec<Alias>,
    /// What is answered instead of an error, by status.
    pub errors: Vec<ErrorPage>,
    /// The 503 pages.
    pub maintenance: Option<MaintenancePages>,
    /// Redirects by regular expression, in this order, before anything is tried.
    pub rewrite: Vec<Rewrite>,
}

/// One entry of `try`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Try {
    /// A file under the site's root; `{path}` stands for the path that was asked for.
    File(String),
    /// `@NAME`: this process. It is declared and has an endpoint.
    Process(String),
}

/// One entry of `alias`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The path that is asked for, and all below it; begins with `/`.
    pub from: String,
    /// The file or folder that answers; relative to the application's root unless absolute.
    pub to: PathBuf,
}

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// The statuses, 400..=599, none of them in two entries of a site.
    pub codes: Vec<u16>,
    /// What answers.
    pub page: Page,
}

/// What answers instead of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// The file of this path; begins with `/`.
    File(String),
    /// `@NAME`: this process.
    Process(String),
}

/// The 503 pages of a site, as paths that begin with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenancePages {
    /// For a short maintenance, such as a `restart`.
    pub short: String,
    /// For a long one; default the short one's.
    pub long: String,
}

/// One entry of `rewrite`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The regular expression that the path must match. Not compiled here.
    pub from: String,
    /// Where to the visitor is sent; `$1` stands for the first group, and so on.
    pub to: String,
}

/// All sites; `processes` are those that `@NAME` can name.
pub(super) fn read(node: Option<Node<'_>>, processes: &[Declared<'_>]) -> Vec<Site> {
    let mut taken = Vec::new();
    let nodes = node.and_then(|node| node.list()).unwrap_or_default();
    nodes.into_iter().filter_map(|node| site(node, processes, &mut taken)).collect()
}

fn site(node: Node<'_>, processes: &[Declared<'_>], taken: &mut Vec<String>) -> Option<Site> {
    let walk = node.table(&places::SITE)?;
    let names = walk.required("names", "[\"blog.example.org\"]").and_then(|node| names(&node, taken));
    let tls = walk.or("tls", None, |node| tls(node).map(Some));
    let answer = match walk.optional("redirect") {
        Some(redirect) => redirect_alone(&walk, &redirect),
        None => serve(&walk, processes).map(SiteAnswer::Serve),
    };
    Some(Site { names: names?, tls, answer: answer? })
}

fn names(node: &Node<'_>, taken: &mut Vec<String>) -> Option<Vec<String>> {
    let elements = node.list()?;
    if elements.is_empty() {
        node.wrong(Complaint::new("has none").hint("at least one name, such as `blog.example.org`"));
    }
    let mut names = Vec::new();
    for element in elements {
        let name = element.parse(|text| free_name(text, taken));
        taken.extend(name.clone());
        names.extend(name);
    }
    Some(names)
}

fn free_name(text: &str, taken: &[String]) -> Result<String, Complaint> {
    let name = text.to_ascii_lowercase();
    if !is_host_name(name.strip_prefix("*.").unwrap_or(&name)) {
        return Err(Complaint::new(format!("has `{text}`, which is no name of a host"))
            .hint("without scheme, port and path, such as `blog.example.org` or `*.example.org`"));
    }
    match taken.contains(&name) {
        true => Err(Complaint::new(format!("has `{text}` a second time; a name is in one site, once"))),
        false => Ok(name),
    }
}

/// The longest name and label that DNS takes.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

fn is_host_name(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.chars().all(inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= NAME_BYTES_MAX && name.split('.').all(label)
}

fn tls(node: Node<'_>) -> Option<Tls> {
    if node.is_string() {
        return node.parse(|word| match word {
            "acme" => Ok(Tls::Acme),
            _ => {
                let complaint = Complaint::new(format!("is `{word}`, which is not known"));
                Err(complaint.hint("`\"acme\"` or `{ certificate = \"/…\", key = \"/…\" }`"))
            }
        });
    }
    let walk = node.table(&places::TLS)?;
    let certificate =
        walk.required("certificate", "\"/etc/ssl/blog.pem\"").and_then(|node| node.parse(path::absolute));
    let key = walk.required("key", "\"/etc/ssl/blog.key\"").and_then(|node| node.parse(path::absolute));
    Some(Tls::Files { certificate: certificate?, key: key? })
}

/// What a site that redirects can't have beside it.
const SERVING: &[&str] = &["root", "index", "try", "alias", "errors", "maintenance", "rewrite"];

fn redirect_alone(walk: &Walk<'_>, redirect: &Node<'_>) -> Option<SiteAnswer> {
    for key in SERVING {
        if let Some(node) = walk.optional(key) {
            node.wrong(Complaint::new("has no meaning beside `redirect`, which answers every request"));
        }
    }
    redirect.parse(redirect_to).map(SiteAnswer::Redirect)
}

fn redirect_to(text: &str) -> Result<RedirectTo, Complaint> {
    if !["/", "http://", "https://"].iter().any(|start| text.starts_with(start)) {
        return Err(Complaint::new(format!("is `{text}`, which is neither a URL nor a path"))
            .meant(format!("https://{text}")));
    }
    only_path_placeholder(text)?;
    Ok(RedirectTo(text.to_owned()))
}

fn only_path_placeholder(text: &str) -> Result<(), Complaint> {
    let rest = text.replace("{path}", "");
    match rest.contains(['{', '}']) {
        true => {
            Err(Complaint::new(format!("is `{text}`, with an unknown placeholder"))
                .hint("known here: `{path}`"))
        }
        false => Ok(()),
    }
}

fn serve(walk: &Walk<'_>, processes: &[Declared<'_>]) -> Option<Serve> {
    if ["root", "try", "alias", "rewrite"].iter().all(|key| walk.optional(key).is_none()) {
        let complaint = Complaint::new(
            "answers nothing: it has neither `root`, `try`, `alias`, `rewrite` nor `redirect`",
        );
        walk.wrong(complaint.hint("such as `root = \"docroot\"` or `try = [\"@web\"]`"));
        return None;
    }
    let root = walk.optional("root");
    let has_root = root.is_some();
    let attempts = walk.optional("try").map(|node| attempts(&node, processes, has_root));
    Some(Serve {
        root: root.and_then(|node| node.parse(path::placed)),
        index: walk.or("index", None, |node| node.parse(file_name).map(Some)),
        attempts: attempts
            .unwrap_or_else(|| Vec::from_iter(has_root.then(|| Try::File("{path}".to_owned())))),
        alias: aliases(walk.optional("alias")),
        errors: error_pages(walk.optional("errors"), processes),
        maintenance: walk.or("maintenance", None, |node| maintenance(node).map(Some)),
        rewrite: walk.each("rewrite", rewrite),
    })
}

fn file_name(text: &str) -> Result<String, Complaint> {
    match text.contains('/') || text == ".." || text == "." {
        true => {
            Err(Complaint::new(format!("is `{text}`, which is no name of a file"))
                .hint("such as `index.html`"))
        }
        false => Ok(text.to_owned()),
    }
}

fn attempts(node: &Node<'_>, processes: &[Declared<'_>], has_root: bool) -> Vec<Try> {
    let elements = node.list().unwrap_or_default();
    elements.iter().filter_map(|element| element.parse(|text| attempt(text, processes, has_root))).collect()
}

fn attempt(text: &str, processes: &[Declared<'_>], has_root: bool) -> Result<Try, Complaint> {
    if let Some(name) = text.strip_prefix('@') {
        return answering(name, processes).map(Try::Process);
    }
    only_path_placeholder(text)?;
    if !text.starts_with('/') && !text.starts_with("{path}") {
        let complaint = Complaint::new(format!("has `{text}`, which is neither a path nor a process"));
        let is_process = processes.iter().any(|process| process.name == text);
        return Err(complaint.meant(if is_process { format!("@{text}") } else { format!("/{text}") }));
    }
    path::placed(text)?;
    match has_root {
        true => Ok(Try::File(text.to_owned())),
        false => {
            Err(Complaint::new(format!("has the file `{text}`, but the site has no `root` to find it in")))
        }
    }
}

/// A declared process that answers requests.
fn answering(name: &str, processes: &[Declared<'_>]) -> Result<String, Complaint> {
    match processes.iter().find(|process| process.name == name) {
        Some(process) if process.answers => Ok(name.to_owned()),
        Some(_) => Err(Complaint::new(format!("names `@{name}`, whose `protocol` is `none`"))),
        None => {
            let names: Vec<String> = processes
                .iter()
                .filter(|process| process.answers)
                .map(|process| format!("@{}", process.name))
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let complaint = Complaint::new(format!("names the process `@{name}`, which is not declared"));
            Err(did_you_mean::among(complaint, &format!("@{name}"), &names))
        }
    }
}

fn aliases(node: Option<Node<'_>>) -> Vec<Alias> {
    let entries = node.and_then(|node| node.entries()).unwrap_or_default();
    entries.into_iter().filter_map(|(from, _, to)| alias(&from, &to)).collect()
}

fn alias(from: &Node<'_>, to: &Node<'_>) -> Option<Alias> {
    let from = from.parse(path::url);
    let to = to.parse(path::placed);
    Some(Alias { from: from?, to: to? })
}

fn error_pages(node: Option<Node<'_>>, processes: &[Declared<'_>]) -> Vec<ErrorPage> {
    let mut taken = Vec::new();
    let entries = node.and_then(|node| node.entries()).unwrap_or_default();
    entries.into_iter().filter_map(|(codes, _, to)| error_page(&codes, &to, processes, &mut taken)).collect()
}

fn error_page(
    codes: &Node<'_>,
    to: &Node<'_>,
    processes: &[Declared<'_>],
    taken: &mut Vec<u16>,
) -> Option<ErrorPage> {
    let codes = codes.parse(|text| error_codes(text, taken));
    taken.extend(codes.iter().flatten());
    let page = to.parse(|text| match text.strip_prefix('@') {
        Some(name) => answering(name, processes).map(Page::Process),
        None => path::url(text).map(Page::File),
    });
    Some(ErrorPage { codes: codes?, page: page? })
}

const ERROR_CODES: RangeInclusive<u16> = 400..=599;

fn error_codes(text: &str, taken: &[u16]) -> Result<Vec<u16>, Complaint> {
    let mut codes = Vec::new();
    for word in text.split(',').map(str::trim) {
        let Some(code) = word.parse().ok().filter(|code| ERROR_CODES.contains(code)) else {
            return Err(Complaint::new(format!("has `{word}`, which is no status of an error"))
                .hint("from 400 to 599, parted by commas, such as `\"403,405\"`"));
        };
        if taken.contains(&code) || codes.contains(&code) {
            return Err(Complaint::new(format!("has {code} a second time")));
        }
        codes.push(code);
    }
    Ok(codes)
}

fn maintenance(node: Node<'_>) -> Option<MaintenancePages> {
    let walk = node.table(&places::MAINTENANCE)?;
    let short = walk.required("short", "\"/maintenance.html\"").and_then(|node| node.parse(path::url));
    let long = walk.or("long", short.clone(), |node| node.parse(path::url).map(Some));
    Some(MaintenancePages { short: short?, long: long? })
}

fn rewrite(node: Node<'_>) -> Option<Rewrite> {
    let walk = node.table(&places::REWRITE)?;
    let from = walk.required("from", "\"^/old/(.*)\"").and_then(|node| node.line());
    let to = walk.required("to", "\"/new/$1\"").and_then(|node| node.parse(|to| rewrite_to(to, from)));
    Some(Rewrite { from: from?.to_owned(), to: to? })
}

fn rewrite_to(text: &str, from: Option<&str>) -> Result<String, Complaint> {
    let groups = from.map_or(9, groups);
    let asked = text.split('$').skip(1).filter_map(|after| after.chars().next()?.to_digit(10));
    match { asked }.find(|group| *group > groups) {
        Some(group) => Err(Complaint::new(format!("is `{text}`, but `from` has no group {group}"))),
        None => Ok(text.to_owned()),
    }
}

/// How many groups a regular expression has: a `(` that is neither escaped, nor in brackets, nor a `(?:` or other
/// flag. In doubt it counts too many: what can't work is for the front to refuse, which compiles it.
fn groups(expression: &str) -> u32 {
    let (mut count, mut in_brackets) = (0, false);
    let mut rest = expression.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            '(' if !in_brackets && !without_number(rest.clone()) => count += 1,
            _ => {}
        }
    }
    count
}

fn without_number(after: std::str::Chars<'_>) -> bool {
    let after = after.as_str();
    after.starts_with('?') && !after.starts_with("?P<") && !after.starts_with("?<")
}
