//! *logs*: the last lines of processes' logs, and those that come.

use super::Agent;
use pintail_core::wire::{Say, Trouble};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a log is looked at for more.
const GLANCE: Duration = Duration::from_millis(100);
/// Bytes of a log that are looked at for its last lines, and told at once.
const PIECE: u64 = 1 << 20;

/// Tells the last `lines` lines of the logs of `processes` (all when empty), and those that come if `follow`.
pub(super) fn tell(agent: &Agent<'_>, processes: &[String], lines: u32, follow: bool) -> Result<(), Trouble> {
    let mut logs = logs(&agent.layout.log(), processes)?;
    for log in &mut logs {
        let last = log.last(lines as usize).unwrap_or_default();
        log.say(agent, &last);
    }
    while follow && !agent.is_left() {
        for log in &mut logs {
            let more = log.more().unwrap_or_default();
            log.say(agent, &more);
        }
        std::thread::sleep(GLANCE);
    }
    agent.say(&Say::Done { told: String::new() });
    Ok(())
}

struct Log {
    name: String,
    path: PathBuf,
    told: u64,
}

fn logs(folder: &Path, processes: &[String]) -> Result<Vec<Log>, Trouble> {
    let named = |name: &str| Log { name: name.to_owned(), path: folder.join(format!("{name}.log")), told: 0 };
    let mut there: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".log").map(str::to_owned))
        .collect();
    there.sort();
    if let Some(unknown) = processes.iter().find(|name| !there.contains(name)) {
        let known = there.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let trouble =
            Trouble::new(format!("cannot show the log of `{unknown}`"), "no process of that name has one");
        return Err(trouble.hint(if known.is_empty() {
            "nothing has run yet".to_owned()
        } else {
            format!("there are {known}")
        }));
    }
    let wanted: Vec<String> = if processes.is_empty() { there } else { processes.to_vec() };
    Ok(wanted.iter().map(|name| named(name)).collect())
}

impl Log {
    fn last(&mut self, lines: usize) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(PIECE).read_to_end(&mut bytes)?;
        self.told = from + bytes.len() as u64;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let all: Vec<&str> = text.split_inclusive('\n').collect();
        Ok(all[all.len().saturating_sub(lines)..].concat())
    }

    /// The whole lines that came since.
    fn more(&mut self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.told {
            // It was rotated: what is there now is new.
            self.told = 0;
        }
        file.seek(SeekFrom::Start(self.told))?;
        let mut bytes = Vec::new();
        file.take(PIECE).read_to_end(&mut bytes)?;
        // A line is told once it is whole, unless it is longer than is read at once.
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => bytes.truncate(end + 1),
            None if (bytes.len() as u64) < PIECE => bytes.clear(),
            None => {}
        }
        self.told += bytes.len() as u64;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn say(&self, agent: &Agent<'_>, text: &str) {
        if !text.is_empty() {
            agent.say(&Say::Output { from: self.name.clone(), error: false, text: text.to_owned() });
        }
    }
}
