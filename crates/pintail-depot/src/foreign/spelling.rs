//! The ways in which archivers spell a path. Knows text only.

/// The top folder and what is below it, with the `./` and double slashes of some archivers taken away; nothing if
/// there is only that.
pub(crate) fn split(raw: &[u8]) -> Result<Option<(String, String)>, String> {
    let text = std::str::from_utf8(raw).map_err(|_| "has a name that is no UTF-8".to_owned())?;
    if text.starts_with('/') {
        return Err("is an absolute path".to_owned());
    }
    let mut parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
    if parts.clone().any(|part| part == "..") {
        return Err("contains `..`".to_owned());
    }
    let Some(top) = parts.next() else { return Ok(None) };
    Ok(Some((top.to_owned(), parts.collect::<Vec<_>>().join("/"))))
}
