//! Frames from the server to the client.

use std::sync::Arc;

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    Open,
    Heartbeat,
    Messages(Vec<Arc<str>>),
    Close(u16, &'static str),
}

/// The session has ended as it should.
pub const ENDED: Frame = Frame::Close(1000, "none");
/// Somebody else receives already.
pub const BUSY: Frame = Frame::Close(2010, "Another connection still open");
/// A receiver went away in the middle.
pub const INTERRUPTED: Frame = Frame::Close(1002, "Connection interrupted!");

impl Frame {
    /// The text: `o`, `h`, `a["…"]` or `c[code,"reason"]`.
    pub fn text(&self) -> String {
        match self {
            Self::Open => "o".into(),
            Self::Heartbeat => "h".into(),
            Self::Close(code, reason) => format!("c[{code},{}]", quoted(reason)),
            Self::Messages(messages) => {
                let list: Vec<String> = messages.iter().map(|message| quoted(message)).collect();
                format!("a[{}]", list.join(","))
            }
        }
    }
}

/// A JSON string. Characters that browsers of old changed on the way are escaped.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    let is_fragile = |c: char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{600}'..='\u{604}' | '\u{70f}' | '\u{17b4}' | '\u{17b5}'
            | '\u{200c}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff0}'..='\u{ffff}')
    };
    if !json.contains(is_fragile) {
        return json;
    }
    json.chars()
        .map(|c| if is_fragile(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_published() {
        let messages = Frame::Messages(vec![r#"{"type":"x"}"#.into(), "a\u{2028}b".into()]);
        assert_eq!(messages.text(), r#"a["{\"type\":\"x\"}","a\u2028b"]"#);
        assert_eq!(BUSY.text(), r#"c[2010,"Another connection still open"]"#);
        assert_eq!((Frame::Open.text(), Frame::Heartbeat.text()), ("o".into(), "h".into()));
    }
}
