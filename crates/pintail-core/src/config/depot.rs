//! `[depot]`: where the artifacts of this project are kept. Knows nothing of what is in there.

use std::path::PathBuf;

use super::{places, walk::Node};

/// Where the depot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepotPlace {
    /// The depot's folder; relative to the folder of `pintail.toml` unless absolute. Default `.pintail/depot`.
    pub path: PathBuf,
}

const PATH_DEFAULT: &str = ".pintail/depot";

pub(super) fn read(node: Option<Node<'_>>) -> Option<DepotPlace> {
    let default = PathBuf::from(PATH_DEFAULT);
    let Some(node) = node else {
        return Some(DepotPlace { path: default });
    };
    let walk = node.table(&places::DEPOT)?;
    // `..` is welcome here: a depot beside the project, for several projects, is a good place.
    Some(DepotPlace { path: walk.or("path", default, |node| node.line().map(PathBuf::from)) })
}
