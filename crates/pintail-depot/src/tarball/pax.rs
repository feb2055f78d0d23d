//! Pax records, `LENGTH KEY=VALUE\n` each: the few that change what a member is. Knows the notation only. (The
//! `tar` crate's parser takes a newline inside a name for the end of the record.)

/// What pax records say that matters here; times, owners and attributes don't.
#[derive(Default)]
pub(crate) struct Pax {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size_bytes: Option<u64>,
    /// Holes were left out: the content is not the file.
    pub(crate) sparse: bool,
    /// The commit that `git archive` notes in a comment.
    pub(crate) commit: Option<String>,
}

impl Pax {
    /// Nothing if the records aren't well formed.
    pub(crate) fn parse(mut records: &[u8]) -> Option<Pax> {
        let mut pax = Pax::default();
        while !records.is_empty() {
            let space = records.iter().position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
            let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            pax.take(&record[..equals], &record[equals + 1..])?;
            records = &records[length..];
        }
        Some(pax)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size_bytes = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
            b"comment" => self.commit = commit_id(value),
            _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
            _ => {}
        }
        Some(())
    }
}

fn commit_id(comment: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(comment).ok()?;
    let hex = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (hex && matches!(id.len(), 40 | 64)).then(|| id.to_owned())
}
