//! The YAML of a `META.yml` as a JSON value, read within bounds. Knows documents of maps, lists and texts; anchors and
//! tags are refused, because a few lines of them can mean gigabytes.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Deepest nesting. `META.yml` has three levels.
const DEPTH_MAX: usize = 32;

/// Most values of a document.
const VALUES_MAX: usize = 200_000;

/// A map or list whose end has not come yet.
enum Open {
    /// With the key that waits for its value.
    Map(Map<String, Value>, Option<String>),
    List(Vec<Value>),
}

/// Reads the first document of `text`. Numbers stay texts, as they are written.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut count = 0;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        count += 1;
        if count > VALUES_MAX || open.len() > DEPTH_MAX {
            return Err("it is too large or too deep".to_owned());
        }
        let done = match event {
            Event::Scalar(text, style, 0, None) => Some(scalar(&text, style)),
            Event::MappingStart(0, None) => {
                open.push(Open::Map(Map::new(), None));
                None
            }
            Event::SequenceStart(0, None) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => open.pop().map(close),
            Event::Alias(_) | Event::Scalar(..) | Event::MappingStart(..) | Event::SequenceStart(..) => {
                return Err("it has anchors or tags".to_owned());
            }
            Event::DocumentEnd => break,
            _ => None,
        };
        if let Some(value) = done {
            match open.last_mut() {
                Some(around) => put(around, value)?,
                None => return Ok(value),
            }
        }
    }
    Err("there is nothing in it".to_owned())
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let is_null = style == ScalarStyle::Plain && ["", "~", "null"].contains(&text);
    if is_null { Value::Null } else { Value::String(text.to_owned()) }
}

fn close(open: Open) -> Value {
    match open {
        Open::Map(map, _) => Value::Object(map),
        Open::List(list) => Value::Array(list),
    }
}

fn put(around: &mut Open, value: Value) -> Result<(), String> {
    match around {
        Open::List(list) => list.push(value),
        Open::Map(map, key) => match (key.take(), value) {
            (Some(key), value) => drop(map.insert(key, value)),
            (None, Value::String(text)) => *key = Some(text),
            (None, Value::Null) => *key = Some(String::new()),
            (None, _) => return Err("it has a map for a key".to_owned()),
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_generators_write_is_read() {
        let text = "---\nabstract: 'An app'\nauthor:\n  - 'Jo'\nno_index:\n  directory:\n    - t\n    - inc\n  file: x.pm\n\
                    provides:\n  My::App:\n    file: lib/My/App.pm\n    version: 0.10\nempty: ~\nversion: '0.10'\n";
        let expected = serde_json::json!({
            "abstract": "An app", "author": ["Jo"], "no_index": {"directory": ["t", "inc"], "file": "x.pm"},
            "provides": {"My::App": {"file": "lib/My/App.pm", "version": "0.10"}}, "empty": null, "version": "0.10",
        });
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(
            read("%YAML 1.0\n---\na: {b: [1, 2]}\n").unwrap(),
            serde_json::json!({"a": {"b": ["1", "2"]}})
        );
    }

    #[test]
    fn what_could_grow_is_refused() {
        for text in [
            "a: &x [1]\nb: *x\n",
            "a: !perl/hash {}\n",
            "",
            "? {a: b}\n: c\n",
            "a: b: c\n",
            &"[".repeat(100_000),
            &"- [1]\n".repeat(100_000),
        ] {
            assert!(read(text).is_err(), "{:?}", text.get(..40).unwrap_or(text));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([a-z]{0,3}: ?|- |[\\[\\]{}&*!|>'\",#%~]|\n| {1,4}|.){0,40}") {
            let _ = read(&text);
        }
    }
}
