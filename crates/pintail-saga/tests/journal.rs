//! The journal as it is on disk, and what is said of one that makes no sense.

use pintail_saga::{
    Actor, Broken, Direction, Ending, Event, Failure, Journal, Position, position, resume, run,
};

type Events = Vec<Event<String>>;

fn why() -> String {
    "no".to_owned()
}

fn every_event() -> Events {
    let memo = "releases/1.4.1".to_owned();
    vec![
        Event::Looked { step: 0, memo },
        Event::Acted { step: 0 },
        Event::Failed { step: 1, why: why() },
        Event::Undoing { why: why() },
        Event::Undone { step: 0 },
        Event::UndoFailed { step: 0, why: why() },
        Event::Remark { step: 2, why: why() },
        Event::Done,
        Event::Reversed,
        Event::Stuck { step: 0, why: why() },
    ]
}

#[test]
fn events_on_disk() {
    let lines: Vec<String> =
        every_event().iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    let read: Events = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, every_event());
    insta::assert_snapshot!(lines.join("\n"));
}

fn looked(step: usize) -> Event<String> {
    Event::Looked { step, memo: String::new() }
}

#[test]
fn nonsense_says_which_event() {
    let acted = |step| Event::Acted { step };
    let undone = |step| Event::Undone { step };
    let failed = |step| Event::Failed { step, why: why() };
    let stuck = |step| Event::Stuck { step, why: why() };
    let undo_failed = |step| Event::UndoFailed { step, why: why() };
    let remark = |step| Event::Remark { step, why: why() };
    let journals: Vec<Events> = vec![
        vec![acted(0)],
        vec![looked(1)],
        vec![looked(0), looked(0)],
        vec![looked(0), acted(0), looked(1), acted(1), looked(2), acted(2), looked(3)],
        vec![Event::Done],
        vec![remark(0)],
        vec![looked(0), acted(0), failed(2)],
        vec![looked(0), acted(0), looked(1), acted(1), Event::Undoing { why: why() }],
        vec![looked(0), acted(0), looked(1), acted(1), failed(2)],
        vec![looked(0), acted(0), failed(1), undone(1)],
        vec![looked(0), failed(0), Event::Reversed],
        vec![looked(0), failed(0), acted(0)],
        vec![looked(0), failed(0), stuck(0)],
        vec![looked(0), failed(0), undo_failed(0), stuck(0), stuck(0)],
        vec![failed(0), Event::Reversed, undone(0)],
        vec![looked(0), acted(0), looked(1), acted(1), remark(2), Event::Done, Event::Done],
    ];
    let told: Vec<String> =
        journals.iter().map(|events| position(events, 3, 1).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn positions_on_the_way() {
    let forward = |events: &[Event<String>]| position(events, 3, 1).unwrap();
    assert_eq!(forward(&[]), Position::Forward { step: 0, looked: false });
    assert_eq!(forward(&[looked(0)]), Position::Forward { step: 0, looked: true });
    let turned = [looked(0), Event::Undoing { why: why() }];
    assert_eq!(forward(&turned), Position::Backward { step: Some(0), turned_at: 0, why: why() });
    let undo_why = "busy".to_owned();
    let mut stuck = turned.to_vec();
    stuck.push(Event::UndoFailed { step: 0, why: undo_why.clone() });
    stuck.push(Event::Stuck { step: 0, why: undo_why.clone() });
    assert_eq!(forward(&stuck), Position::Ended(Ending::Stuck { step: 0, why: why(), undo_why }));
}

/// Must not be called.
struct Nobody;

impl Actor for Nobody {
    type Step = ();
    type Memo = String;

    fn look(&mut self, (): &()) -> Result<String, Failure> {
        panic!("looked")
    }

    fn act(&mut self, (): &(), _: &String) -> Result<(), Failure> {
        panic!("acted")
    }

    fn undo(&mut self, (): &(), _: &String) -> Result<(), Failure> {
        panic!("undone")
    }
}

struct Paper(Events);

impl Journal<String> for Paper {
    fn append(&mut self, event: Event<String>) -> Result<(), Failure> {
        self.0.push(event);
        Ok(())
    }
}

#[test]
fn a_journal_of_another_saga_touches_nothing() {
    let mut paper = Paper(Vec::new());
    let events = [looked(4)];
    let end = resume(&mut Nobody, &mut paper, &[()], 0, &events, Direction::Undo, &mut || None);
    assert!(matches!(end, Err(Broken::Nonsense(_))), "{end:?}");
    assert_eq!(paper.0, []);
}

#[test]
fn an_ended_saga_says_so_and_touches_nothing() {
    for direction in [Direction::Finish, Direction::Undo] {
        let mut paper = Paper(Vec::new());
        let events = [Event::Failed { step: 0, why: why() }, Event::Reversed];
        let end = resume(&mut Nobody, &mut paper, &[()], 0, &events, direction, &mut || None);
        assert_eq!(end, Ok(Ending::Undone { step: 0, why: why() }));
        assert_eq!(paper.0, []);
    }
}

#[test]
fn an_interrupt_before_the_first_step_touches_nothing() {
    let mut paper = Paper(Vec::new());
    let end = run(&mut Nobody, &mut paper, &[()], 0, &mut || Some("the operator aborts".to_owned()));
    assert_eq!(end, Ok(Ending::Undone { step: 0, why: "the operator aborts".to_owned() }));
    assert_eq!(paper.0, [Event::Undoing { why: "the operator aborts".to_owned() }, Event::Reversed]);
}
