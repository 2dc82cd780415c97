//! Text.

use super::{Call, Function, MANY, Made, function};
use crate::printf::{self, Format};
use crate::schema::Name;
use crate::text::Text;
use crate::value::{Row, Value, regex};

pub const FUNCTIONS: &[Function] = &[
    function("upper", 1, 1, |call| call.made(call.text(0)?.to_uppercase())),
    function("lower", 1, 1, |call| call.made(call.text(0)?.to_lowercase())),
    function("title", 1, 1, |call| call.made(title(&call.text(0)?))),
    function("untitle", 1, 1, |call| call.made(untitle(&call.text(0)?))),
    function("trim", 1, 1, |call| call.made(call.text(0)?.trim().to_owned())),
    function("trimAll", 2, 2, |call| {
        let cut = call.text(0)?.into_owned();
        call.made(call.text(1)?.trim_matches(|c| cut.contains(c)).to_owned())
    }),
    function("trimPrefix", 2, 2, |call| {
        let text = call.text(1)?;
        let rest = text.strip_prefix(&*call.text(0)?).unwrap_or(&text).to_owned();
        call.made(rest)
    }),
    function("trimSuffix", 2, 2, |call| {
        let text = call.text(1)?;
        let rest = text.strip_suffix(&*call.text(0)?).unwrap_or(&text).to_owned();
        call.made(rest)
    }),
    function("contains", 2, 2, |call| Ok(Value::Bool(call.text(1)?.contains(&*call.text(0)?)))),
    function("hasPrefix", 2, 2, |call| Ok(Value::Bool(call.text(1)?.starts_with(&*call.text(0)?)))),
    function("hasSuffix", 2, 2, |call| Ok(Value::Bool(call.text(1)?.ends_with(&*call.text(0)?)))),
    function("replace", 3, 3, replace),
    function("split", 2, 2, split),
    function("splitList", 2, 2, |call| {
        let parts = parts(&call.text(0)?, &call.text(1)?);
        call.made_list(parts)
    }),
    function("join", 2, 2, join),
    function("cat", 0, MANY, |call| {
        let texts = shown(call)?;
        call.joined(&texts, b" ")
    }),
    function("quote", 0, MANY, quote),
    function("squote", 0, MANY, |call| {
        let texts = shown(call)?;
        let quoted: Vec<_> = texts.iter().map(|text| Text::from([b"'", &**text, b"'"].concat())).collect();
        call.joined(&quoted, b" ")
    }),
    function("indent", 2, 2, |call| indented(call, "")),
    function("nindent", 2, 2, |call| indented(call, "\n")),
    function("repeat", 2, 2, repeat),
    function("substr", 3, 3, substr),
    function("trunc", 2, 2, trunc),
    function("abbrev", 2, 2, abbrev),
    function("nospace", 1, 1, |call| {
        call.made(call.text(0)?.chars().filter(|c| !c.is_whitespace()).collect::<String>())
    }),
    function("plural", 3, 3, |call| {
        let i = if call.int(2)? == 1 { 0 } else { 1 };
        call.made(call.text(i)?.into_owned())
    }),
    function("toString", 1, 1, |call| Ok(Value::Text(call.printed(0)?))),
    function("toStrings", 1, 1, |call| {
        let texts = texts(call, 0)?;
        call.made_list(texts.into_iter().map(Value::Text).collect())
    }),
    function("regexMatch", 2, 2, |call| {
        let pattern = compiled(call, 0)?;
        Ok(Value::Bool(pattern.is_match(call.text(1)?.as_bytes())))
    }),
    function("regexFind", 2, 2, |call| {
        let pattern = compiled(call, 0)?;
        let text = call.text(1)?.into_owned();
        call.made(pattern.find(text.as_bytes()).map_or(&b""[..], |found| found.as_bytes()))
    }),
    function("regexReplaceAll", 3, 3, regex_replace),
];

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_start = true;
    for c in text.chars() {
        match is_start {
            true => out.extend(c.to_uppercase()),
            false => out.push(c),
        }
        is_start = !(c.is_alphanumeric() || matches!(c, '_' | '\''));
    }
    out
}

fn untitle(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_start = true;
    for c in text.chars() {
        match is_start {
            true => out.extend(c.to_lowercase()),
            false => out.push(c),
        }
        is_start = c.is_whitespace();
    }
    out
}

/// `replace OLD NEW text`
fn replace(call: &mut Call<'_, '_>) -> Made {
    let (old, new, text) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let count = if old.is_empty() { text.chars().count() + 1 } else { text.matches(&*old).count() };
    let size = text.len().saturating_add(count.saturating_mul(new.len()));
    let (old, new, text) = (old.into_owned(), new.into_owned(), text.into_owned());
    call.room_for(size)?;
    Ok(Value::from(text.replace(&old, &new)))
}

/// The pieces between separators; without one, the characters.
fn parts(separator: &str, text: &str) -> Vec<Value> {
    if separator.is_empty() {
        return text.chars().map(|c| Value::from(c.to_string())).collect();
    }
    text.split(separator).map(Value::from).collect()
}

/// A dict of the pieces: `_0`, `_1`…
fn split(call: &mut Call<'_, '_>) -> Made {
    let parts = parts(&call.text(0)?, &call.text(1)?);
    call.budget.charge(parts.len() * 4)?;
    let mut row = Row::default();
    for (i, part) in parts.into_iter().enumerate() {
        row.replace(&Name::new(&format!("_{i}")), part);
    }
    Ok(row.into())
}

/// The items of a list as text, without those that are nothing; one value is a list of one.
pub fn texts(call: &mut Call<'_, '_>, i: usize) -> Result<Vec<Text>, String> {
    match call.args[i].clone() {
        Value::List(items) => {
            items.iter().filter(|item| !item.is_null()).map(|item| call.show(item)).collect()
        }
        Value::Null => Ok(Vec::new()),
        one => Ok(vec![call.show(&one)?]),
    }
}

fn join(call: &mut Call<'_, '_>) -> Made {
    let texts = texts(call, 1)?;
    let separator = call.text(0)?.into_owned();
    call.joined(&texts, separator.as_bytes())
}

/// All arguments that are something, as text.
fn shown(call: &mut Call<'_, '_>) -> Result<Vec<Text>, String> {
    let args = std::mem::take(&mut call.args);
    args.iter().filter(|value| !value.is_null()).map(|value| call.show(value)).collect()
}

fn quote(call: &mut Call<'_, '_>) -> Made {
    let format = Format::compile(&Text::from("%q"));
    let texts = shown(call)?;
    let quoted: Vec<Text> =
        texts.into_iter().map(|text| printf::format(&format, &[Value::Text(text)])).collect();
    call.joined(&quoted, b" ")
}

/// `indent N text`: spaces before each line.
fn indented(call: &mut Call<'_, '_>, before: &str) -> Made {
    let count = call.count(0)?;
    let text = call.text(1)?.into_owned();
    let lines = text.split('\n').count();
    call.room_for(lines.saturating_mul(count.saturating_add(1)).saturating_add(text.len()))?;
    let pad = " ".repeat(count);
    Ok(Value::from(format!("{before}{pad}{}", text.replace('\n', &format!("\n{pad}")))))
}

fn repeat(call: &mut Call<'_, '_>) -> Made {
    let count = call.count(0)?;
    let text = call.text(1)?.into_owned();
    call.room_for(text.len().saturating_mul(count))?;
    Ok(Value::from(text.repeat(count)))
}

/// `substr START END text`, in bytes as sprig counts; a negative end is the end of the text.
fn substr(call: &mut Call<'_, '_>) -> Made {
    let (start, end) = (call.int(0)?, call.int(1)?);
    let text = call.text(2)?.into_owned();
    let length = text.len() as i64;
    let start = start.max(0);
    let end = if end < 0 || end > length { length } else { end };
    if start > end {
        return Err("slice bounds out of range".to_owned());
    }
    call.made(&text.as_bytes()[start as usize..end as usize])
}

/// `trunc N text`: the first so many bytes, or the last with a negative number.
fn trunc(call: &mut Call<'_, '_>) -> Made {
    let count = call.int(0)?;
    let text = call.text(1)?.into_owned();
    let kept = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX).min(text.len());
    let bytes = text.as_bytes();
    call.made(if count < 0 { &bytes[bytes.len() - kept..] } else { &bytes[..kept] })
}

/// `abbrev N text`: cut with three dots.
fn abbrev(call: &mut Call<'_, '_>) -> Made {
    let width = call.count(0)?;
    let text = call.text(1)?.into_owned();
    if width < 4 || text.len() <= width {
        return call.made(text);
    }
    call.made([&text.as_bytes()[..width - 3], b"..."].concat())
}

fn compiled(call: &mut Call<'_, '_>, i: usize) -> Result<::regex::bytes::Regex, String> {
    // Compiling takes far longer than its text is long.
    call.budget.charge(1000)?;
    regex::compile(call.text(i)?.as_bytes(), false).map_err(|e| e.to_string())
}

/// `regexReplaceAll PATTERN text REPLACEMENT`
fn regex_replace(call: &mut Call<'_, '_>) -> Made {
    let pattern = compiled(call, 0)?;
    let (text, replacement) = (Text::from(&*call.text(1)?), call.text(2)?.into_owned());
    let replaced =
        regex::replace_all(&text, &pattern, &mut |found, out| found.expand(replacement.as_bytes(), out));
    call.made(replaced.map_err(|e| e.to_string())?)
}
