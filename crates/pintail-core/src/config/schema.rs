//! `[schema]`: which database, and where its schema is declared. Knows no SQL.

use super::{
    host::setting_name,
    path, places,
    problem::Complaint,
    walk::{Choice, Node},
};
use crate::manifest::TreePath;

/// The database of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaSettings {
    /// Which kind of database.
    pub engine: Engine,
    /// Where it is.
    pub url: DatabaseUrl,
    /// Where the whole schema is declared. It, `migrations`, or both are there.
    pub declared: Option<DeclaredSchema>,
    /// The folder of versioned migration files in the release.
    pub migrations: Option<TreePath>,
    /// When the database is saved first; default [`BackupWhen::Always`].
    pub backup: BackupWhen,
}

/// Which kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `postgres`
    Postgres,
    /// `sqlite`
    Sqlite,
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `env:NAME`: the host's own setting of that name. Its value is never shown.
    Env(String),
    /// The URL itself (for SQLite also a path, relative to the application's root); without a password.
    Plain(String),
}

/// Where the whole schema is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredSchema {
    /// A folder of `.sql` files in the release.
    Folder(TreePath),
    /// A command run in the release, which prints the schema.
    Command(String),
}

/// When a database is saved before its schema is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupWhen {
    /// `always`: whenever the plan changes the schema.
    Always,
    /// `hazards`: when the plan has hazards.
    Hazards,
    /// `never`
    Never,
}

impl Choice for Engine {
    const WORDS: &'static [(&'static str, Engine)] =
        &[("postgres", Engine::Postgres), ("sqlite", Engine::Sqlite)];
}

impl Choice for BackupWhen {
    const WORDS: &'static [(&'static str, BackupWhen)] =
        &[("always", BackupWhen::Always), ("hazards", BackupWhen::Hazards), ("never", BackupWhen::Never)];
}

/// `Some(None)` where there is no such section.
pub(super) fn read(node: Option<Node<'_>>) -> Option<Option<SchemaSettings>> {
    let Some(node) = node else {
        return Some(None);
    };
    let walk = node.table(&places::SCHEMA)?;
    let engine: Option<Engine> = walk.required("engine", "\"postgres\"").and_then(|node| node.choice());
    let url =
        walk.required("url", "\"env:DB_URL\"").and_then(|node| node.parse(|text| database_url(text, engine)));
    let (declared, migrations) = (walk.optional("declared"), walk.optional("migrations"));
    if declared.is_none() && migrations.is_none() {
        walk.wrong(
            Complaint::new("lacks both `declared` and `migrations`").hint("such as `declared = \"schema/\"`"),
        );
    }
    let settings = SchemaSettings {
        engine: engine?,
        url: url?,
        declared: declared.and_then(declared_schema),
        migrations: migrations.and_then(|node| node.parse(path::inner)),
        backup: walk.or("backup", BackupWhen::Always, |node| node.choice()),
    };
    Some(Some(settings))
}

fn declared_schema(node: Node<'_>) -> Option<DeclaredSchema> {
    if node.is_string() {
        return node.parse(path::inner).map(DeclaredSchema::Folder);
    }
    let walk = node.table(&places::DECLARED)?;
    let command = walk.required("command", "\"perl script/ddl.pl\"")?;
    command.text().map(str::to_owned).map(DeclaredSchema::Command)
}

/// Messages here don't repeat what was typed: it may be a password.
fn database_url(text: &str, engine: Option<Engine>) -> Result<DatabaseUrl, Complaint> {
    if let Some(name) = text.strip_prefix('$').filter(|name| setting_name(name).is_ok()) {
        return Err(Complaint::new("is no URL").meant(format!("env:{name}")));
    }
    if has_password(text) {
        return Err(Complaint::new("has a password in it, which doesn't belong in version control")
            .hint("`env:NAME` reads it from the host's own settings; `pintail env set` puts it there"));
    }
    if let Some(name) = text.strip_prefix("env:") {
        return setting_name(name).map(DatabaseUrl::Env);
    }
    let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
    match engine {
        Some(Engine::Postgres) if !is_postgres => Err(Complaint::new("is no URL of a PostgreSQL database")
            .hint("such as `env:DB_URL` or `postgres:///blog`")),
        Some(Engine::Sqlite) if is_postgres => {
            Err(Complaint::new("is no SQLite database, but a PostgreSQL one"))
        }
        _ => Ok(DatabaseUrl::Plain(text.to_owned())),
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    let userinfo = authority.and_then(|authority| authority.rsplit_once('@')).map(|(userinfo, _)| userinfo);
    userinfo.is_some_and(|userinfo| userinfo.contains(':')) || url.to_lowercase().contains("password=")
}
