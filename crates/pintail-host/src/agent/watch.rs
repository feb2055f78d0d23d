//! *attach*: tells of an operation that another agent runs, from its journal and its output as they grow.

use super::Agent;
use crate::journal::{self, Record};
use crate::memo::Memo;
use crate::observe::holder;
use crate::operation::progress;
use pintail_core::wire::{Say, Trouble};
use pintail_saga::Event;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

/// How often the journal is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Tells of the running operation to its end; of the last one, when none runs.
pub(super) fn attach(agent: &Agent<'_>) -> Result<(), Trouble> {
    let Some(id) = journal::ids(&agent.layout)?.pop() else {
        agent.say(&Say::Done { told: "nothing was ever deployed here".to_owned() });
        return Ok(());
    };
    let record = journal::read(&agent.layout, id)?;
    agent.say(&Say::Began { id, plan: Box::new(record.header.plan.clone()) });
    let (mut told, mut output) = (0, 0);
    loop {
        // Asked before reading: what it wrote before it let go is then read.
        let runs = holder(&agent.layout)?.is_some_and(|holder| holder.id == Some(id));
        let record = journal::read(&agent.layout, id)?;
        loop {
            let told = tell_output(agent, id, output);
            if told == output {
                break;
            }
            output = told;
        }
        for line in &record.lines[told.min(record.lines.len())..] {
            let took_ms = took_ms(&record, &line.event);
            if let Some(progress) = progress(&record.header.plan.steps, &line.event, took_ms) {
                agent.say(&Say::Progress { progress });
            }
        }
        told = record.lines.len();
        if !runs {
            agent.say(&Say::Ended { deployment: Box::new(record.deployment(false)?) });
            return Ok(());
        }
        if agent.is_left() {
            return Ok(());
        }
        std::thread::sleep(GLANCE);
    }
}

/// Bytes of output in one frame: even if JSON has to escape each, it stays below the longest frame.
const OUTPUT_PIECE: u64 = 256 << 10;

fn tell_output(agent: &Agent<'_>, id: u64, from: u64) -> u64 {
    let mut text = Vec::new();
    let read = std::fs::File::open(agent.layout.operation(id).join("output")).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.take(OUTPUT_PIECE).read_to_end(&mut text)
    });
    if !text.is_empty() {
        agent.say(&Say::Output {
            from: "prepare".into(),
            error: false,
            text: String::from_utf8_lossy(&text).into_owned(),
        });
    }
    from + read.unwrap_or(0) as u64
}

fn took_ms(record: &Record, event: &Event<Memo>) -> u64 {
    let Event::Acted { step: index } = event else { return 0 };
    let at = |wanted: &dyn Fn(&Event<Memo>) -> bool| {
        record.lines.iter().find(|line| wanted(&line.event)).map(|line| line.at_ms)
    };
    let looked = at(&|event| matches!(event, Event::Looked { step, .. } if step == index));
    let acted = at(&|event| matches!(event, Event::Acted { step } if step == index));
    acted.zip(looked).map_or(0, |(acted, looked)| acted.saturating_sub(looked))
}
