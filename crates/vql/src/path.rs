//! Paths as lists of components (`OSPath`): builtins page, section 1.7.
//!
//! How text is split into components and joined again depends on the kind of path. A path inside a container (an
//! archive, a raw device) has a delegate: the accessor and the path of the container.

mod components;

use std::sync::{Arc, OnceLock};

pub use components::{Components, Folder};

use crate::call::Error;
use crate::codec;
use crate::json;
use crate::text::Text;
use crate::value::convert::{to_path_arg, to_text_arg};
use crate::value::{Row, Value};

/// The syntax of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PathKind {
    /// Split at both slashes, printed with `/`.
    #[default]
    Generic,
    Linux,
    Windows,
    Registry,
    Ntfs,
    Zip,
    PathSpec,
}

impl PathKind {
    const ALL: [(PathKind, &str); 7] = [
        (PathKind::Generic, "generic"),
        (PathKind::Linux, "linux"),
        (PathKind::Windows, "windows"),
        (PathKind::Registry, "registry"),
        (PathKind::Ntfs, "ntfs"),
        (PathKind::Zip, "zip"),
        (PathKind::PathSpec, "pathspec"),
    ];

    /// The kind that `path_type=` names.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind)
    }

    /// The kind that the arguments `sep=` and `path_type=` choose; both may be empty.
    pub fn choose(sep: &[u8], path_type: &[u8]) -> Result<Self, Error> {
        match (path_type, sep) {
            (b"", b"\\") => Ok(PathKind::Windows),
            (b"", _) => Ok(PathKind::Generic),
            (name, _) => {
                let name = String::from_utf8_lossy(name);
                Self::named(&name).ok_or_else(|| Error::new(format!("unknown path_type {name}")))
            }
        }
    }

    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Components that hold a separator are quoted.
    fn quotes(self) -> bool {
        !matches!(self, PathKind::Linux)
    }

    /// Whether a component is quoted, unless it is a device.
    fn must_quote(self, component: &[u8]) -> bool {
        self.quotes()
            && (component.iter().any(|c| self.is_separator(*c))
                || component.starts_with(b"\"")
                || *component == *b".")
    }

    fn is_separator(self, c: u8) -> bool {
        match self {
            PathKind::Linux | PathKind::Zip => c == b'/',
            _ => c == b'/' || c == b'\\',
        }
    }

    fn separator(self) -> u8 {
        match self {
            PathKind::Windows | PathKind::Registry | PathKind::Ntfs => b'\\',
            _ => b'/',
        }
    }
}

/// The container that a path is inside of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegate {
    pub accessor: Text,
    pub path: Text,
}

/// A path split into components, with its syntax, its accessor and, inside containers, its delegate.
#[derive(Clone, Debug, Default)]
pub struct OsPath {
    pub components: Components,
    pub kind: PathKind,
    /// The accessor that gave the path; empty when it is not known.
    pub accessor: Text,
    pub delegate: Option<Delegate>,
    text: OnceLock<Text>,
}

impl PartialEq for OsPath {
    fn eq(&self, other: &Self) -> bool {
        self.components == other.components && self.kind == other.kind && self.delegate == other.delegate
    }
}

impl Eq for OsPath {}

impl OsPath {
    /// A path of these components.
    pub fn new(kind: PathKind, components: Vec<Text>) -> Self {
        OsPath { components: components.into(), kind, ..OsPath::default() }
    }

    /// The path as the accessor of that name gives it.
    #[must_use]
    pub fn accessed_by(mut self, accessor: Text) -> Self {
        self.accessor = accessor;
        self
    }

    /// The path inside a container.
    #[must_use]
    pub fn inside(mut self, delegate: Option<Delegate>) -> Self {
        self.delegate = delegate;
        self.text = OnceLock::new();
        self
    }

    /// Splits text by the rules of a kind. The JSON text of a pathspec is understood by every kind.
    pub fn parse(kind: PathKind, text: &[u8]) -> Self {
        if text.first() == Some(&b'{')
            && let Ok(Value::Dict(dict)) = json::parse(text)
            && let Some(path) = Self::read_pathspec(kind, &dict.snapshot())
        {
            return path;
        }
        Self::new(kind, split(kind, text))
    }

    /// A value as a path: text is parsed, a path is kept. `None` for NULL and what has no path.
    pub fn of(kind: PathKind, value: &Value) -> Option<Arc<Self>> {
        match value {
            Value::Text(t) | Value::Bytes(t) => Some(Arc::new(Self::parse(kind, t))),
            v => to_path_arg(v),
        }
    }

    /// A path out of the keys of a pathspec; `None` if it has none of them.
    pub fn from_pathspec(row: &Row) -> Option<Self> {
        Self::read_pathspec(PathKind::Generic, row)
    }

    fn read_pathspec(kind: PathKind, row: &Row) -> Option<Self> {
        let text = |name: &str| row.get_str(name).map(to_text_arg).filter(|t| !t.is_empty());
        let (path, accessor, inner) = (row.get_str("Path"), text("DelegateAccessor"), text("DelegatePath"));
        let inner = match row.get_str("Delegate") {
            Some(Value::Dict(d)) => Self::from_pathspec(&d.snapshot()).map(|p| p.text()).or(inner),
            _ => inner,
        };
        if path.is_none() && accessor.is_none() && inner.is_none() {
            return None;
        }
        let components = match path {
            Some(Value::Path(p)) => p.components.to_vec(),
            Some(v) => split(kind, &to_text_arg(v)),
            None => Vec::new(),
        };
        let delegate = (accessor.is_some() || inner.is_some())
            .then(|| Delegate { accessor: accessor.unwrap_or_default(), path: inner.unwrap_or_default() });
        Some(Self::new(kind, components).inside(delegate))
    }

    /// The same kind of path with other components.
    pub fn with_components(&self, components: Vec<Text>) -> Self {
        OsPath {
            components: components.into(),
            kind: self.kind,
            accessor: self.accessor.clone(),
            delegate: self.delegate.clone(),
            text: OnceLock::new(),
        }
    }

    /// The path with further components.
    pub fn append_components(&self, more: &[Text]) -> Self {
        self.with_components([&*self.components, more].concat())
    }

    /// The path with one more component.
    pub fn join(&self, component: impl Into<Text>) -> Self {
        self.append_components(&[component.into()])
    }

    /// The path that contains this one.
    pub fn dirname(&self) -> Self {
        let keep = self.components.len().saturating_sub(1);
        self.with_components(self.components[..keep].to_vec())
    }

    /// The last component; empty for a root.
    pub fn basename(&self) -> Text {
        self.components.name().cloned().unwrap_or_default()
    }

    /// The text of the path; with a delegate, the JSON text of its pathspec.
    pub fn text(&self) -> Text {
        let make = || match &self.delegate {
            None => self.path(),
            Some(_) => {
                let mut out = Vec::new();
                json::write_value(&self.pathspec(), &mut out, &json::JsonOptions::default());
                out.into()
            }
        };
        self.text.get_or_init(make).clone()
    }

    /// Appends [`OsPath::text`].
    pub fn write(&self, out: &mut Vec<u8>) {
        self.pieces(&mut |piece| out.extend_from_slice(piece));
    }

    /// Hands out [`OsPath::text`] in pieces, none of which ends within a character. Nothing is kept for the next time.
    pub fn pieces(&self, each: &mut dyn FnMut(&[u8])) {
        let simple = self.delegate.is_none().then(|| self.components.pieces(self.kind)).flatten();
        match (self.text.get(), simple) {
            (None, Some((above, name))) => {
                each(above);
                each(name);
            }
            _ => each(&self.text()),
        }
    }

    /// The text of the components alone.
    pub fn path(&self) -> Text {
        let kind = self.kind;
        if let Some((above, name)) = self.components.pieces(kind) {
            return [above, name].concat().into();
        }
        let mut out = Vec::with_capacity(self.components.iter().map(|c| c.len() + 1).sum::<usize>() + 1);
        let rooted = kind.separator() == b'/';
        if rooted && self.components.is_empty() {
            out.push(b'/');
        }
        for (i, component) in self.components.iter().enumerate() {
            if rooted || i > 0 {
                out.push(kind.separator());
            }
            let is_device = i == 0 && device_len(kind, component) == Some(component.len());
            if kind.must_quote(component) && !is_device {
                quote(component, &mut out);
            } else {
                out.extend_from_slice(component);
            }
        }
        out.into()
    }

    fn pathspec(&self) -> Value {
        let delegate = self.delegate.as_ref();
        let text = |t: Option<&Text>| Value::Text(t.cloned().unwrap_or_default());
        Value::dict([
            ("DelegateAccessor", text(delegate.map(|d| &d.accessor))),
            ("DelegatePath", text(delegate.map(|d| &d.path))),
            ("Path", Value::Text(self.path())),
        ])
    }

    /// Path of the container and paths inside it on one line, for people.
    fn human(&self) -> Text {
        let Some(delegate) = &self.delegate else { return self.path() };
        let container = Self::parse(self.kind, &delegate.path);
        let container = if container.delegate.is_some() { container.human() } else { delegate.path.clone() };
        [&*container, b" -> ", &*self.path()].concat().into()
    }

    /// A member of the path.
    pub fn member(&self, name: &str) -> Option<Value> {
        let text = |t: Option<&Text>| Some(Value::Text(t.cloned().unwrap_or_default()));
        let delegate = self.delegate.as_ref();
        match name {
            "Components" => Some(Value::list(self.components.iter().cloned().map(Value::Text).collect())),
            "Path" => Some(Value::Text(self.path())),
            "String" => Some(Value::Text(self.text())),
            "Basename" => Some(Value::Text(self.basename())),
            "Dirname" => Some(Value::Path(self.dirname().into())),
            "DelegatePath" => text(delegate.map(|d| &d.path)),
            "DelegateAccessor" => text(delegate.map(|d| &d.accessor)),
            "Accessor" => text(Some(&self.accessor)),
            "HumanString" => Some(Value::Text(self.human())),
            "PathSpec" => Some(self.pathspec()),
            _ => None,
        }
    }

    /// Appends the path for a temporary file.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut bytes = |t: &[u8]| {
            codec::length(t.len(), out);
            out.extend_from_slice(t);
        };
        bytes(self.kind.name().as_bytes());
        bytes(&self.accessor);
        let delegate = self.delegate.iter().flat_map(|d| [&d.accessor, &d.path]);
        let parts: Vec<&Text> = delegate.chain(&*self.components).collect();
        bytes(if self.delegate.is_some() { b"d" } else { b"" });
        codec::length(parts.len(), out);
        for part in parts {
            codec::length(part.len(), out);
            out.extend_from_slice(part);
        }
    }

    /// Reads what [`OsPath::encode`] wrote.
    pub(crate) fn decode(input: &mut &[u8]) -> Result<Self, Error> {
        let kind = codec::read_bytes(input)?;
        let kind = std::str::from_utf8(kind).ok().and_then(PathKind::named).unwrap_or_default();
        let accessor = Text::from(codec::read_bytes(input)?);
        let has_delegate = !codec::read_bytes(input)?.is_empty();
        let count = codec::read_length(input)?;
        let mut parts =
            (0..count).map(|_| codec::read_bytes(input).map(Text::from)).collect::<Result<Vec<_>, _>>()?;
        let delegate = (has_delegate && parts.len() >= 2).then(|| {
            let mut container = parts.drain(..2);
            Delegate {
                accessor: container.next().unwrap_or_default(),
                path: container.next().unwrap_or_default(),
            }
        });
        Ok(OsPath { components: parts.into(), kind, accessor, delegate, text: OnceLock::new() })
    }
}

/// `a/b` becomes `"a/b"`; quotes inside are doubled.
fn quote(component: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for c in component {
        out.push(*c);
        if *c == b'"' {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

fn split(kind: PathKind, text: &[u8]) -> Vec<Text> {
    let mut components = Vec::new();
    let mut rest = text;
    // `\\.\C:` is one component.
    if let Some(end) = device_len(kind, text) {
        components.push(Text::from(&text[..end]));
        rest = &text[end..];
    }
    while !rest.is_empty() {
        if kind.quotes()
            && rest[0] == b'"'
            && let Some((component, after)) = unquote(kind, rest)
        {
            if !component.is_empty() {
                components.push(component);
            }
            rest = after;
            continue;
        }
        let end = rest.iter().position(|c| kind.is_separator(*c)).unwrap_or(rest.len());
        if !matches!(&rest[..end], b"" | b".") {
            components.push(Text::from(&rest[..end]));
        }
        rest = &rest[(end + 1).min(rest.len())..];
    }
    if kind == PathKind::Registry {
        expand_hive(&mut components);
    }
    components
}

/// The length of the device that a Windows path starts with: `\\.\C:` or `\\?\C:`.
fn device_len(kind: PathKind, text: &[u8]) -> Option<usize> {
    let is_windows = matches!(kind, PathKind::Windows | PathKind::Ntfs);
    let is_device = matches!(text, [b'\\', b'\\', b'.' | b'?', b'\\', c, ..] if !kind.is_separator(*c));
    let end = || text[4..].iter().position(|c| kind.is_separator(*c)).map_or(text.len(), |at| at + 4);
    (is_windows && is_device).then(end)
}

/// A quoted component and what follows it; `None` if the quotes do not end before a separator.
fn unquote(kind: PathKind, text: &[u8]) -> Option<(Text, &[u8])> {
    let mut component = Vec::new();
    let mut at = 1;
    loop {
        match (text.get(at)?, text.get(at + 1)) {
            (b'"', Some(b'"')) => {
                component.push(b'"');
                at += 2;
            }
            (b'"', None) => return Some((component.into(), b"")),
            (b'"', Some(c)) if kind.is_separator(*c) => return Some((component.into(), &text[at + 2..])),
            (b'"', Some(_)) => return None,
            (c, _) => {
                component.push(*c);
                at += 1;
            }
        }
    }
}

/// The short names of the registry's roots stand for the long ones.
fn expand_hive(components: &mut [Text]) {
    let Some(first) = components.first_mut() else { return };
    let long = match first.to_ascii_uppercase().as_slice() {
        b"HKLM" => "HKEY_LOCAL_MACHINE",
        b"HKCU" => "HKEY_CURRENT_USER",
        b"HKCR" => "HKEY_CLASSES_ROOT",
        b"HKU" => "HKEY_USERS",
        b"HKCC" => "HKEY_CURRENT_CONFIG",
        _ => return,
    };
    *first = Text::from(long);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &Text) -> String {
        text.to_str_lossy().into_owned()
    }

    #[test]
    fn parsing_and_printing() {
        use PathKind::*;
        for (kind, text, components, printed) in [
            (Generic, "/a/b", &["a", "b"][..], "/a/b"),
            (Generic, "a\\b//c/", &["a", "b", "c"], "/a/b/c"),
            (Generic, "/a/\"b/c\"/d", &["a", "b/c", "d"], "/a/\"b/c\"/d"),
            (Generic, "/\"say \"\"x\"\" a/b\"", &["say \"x\" a/b"], "/\"say \"\"x\"\" a/b\""),
            (Generic, "/\"open", &["\"open"], "/\"\"\"open\""),
            (Generic, "", &[], "/"),
            (Generic, "/", &[], "/"),
            (Generic, "/./a/../b", &["a", "..", "b"], "/a/../b"),
            (Generic, "C:\\Windows", &["C:", "Windows"], "/C:/Windows"),
            (Linux, "/a\\b/c", &["a\\b", "c"], "/a\\b/c"),
            (Linux, "/\"a/b\"", &["\"a", "b\""], "/\"a/b\""),
            (Windows, "C:\\a/b", &["C:", "a", "b"], "C:\\a\\b"),
            (Windows, "\\\\.\\C:\\a", &["\\\\.\\C:", "a"], "\\\\.\\C:\\a"),
            (Windows, "", &[], ""),
            (Ntfs, "\\\\?\\C:\\a\\b", &["\\\\?\\C:", "a", "b"], "\\\\?\\C:\\a\\b"),
            (
                Registry,
                "HKLM\\a\\\"b\\c\"",
                &["HKEY_LOCAL_MACHINE", "a", "b\\c"],
                "HKEY_LOCAL_MACHINE\\a\\\"b\\c\"",
            ),
            (Zip, "a/b\\c", &["a", "b\\c"], "/a/b\\c"),
        ] {
            let path = OsPath::parse(kind, text.as_bytes());
            let got: Vec<String> = path.components.iter().map(shown).collect();
            assert_eq!(got, components, "{kind:?} {text}");
            assert_eq!(shown(&path.text()), printed, "{kind:?} {text}");
            assert_eq!(OsPath::parse(kind, &path.text()), path, "{kind:?} {text} comes back");
        }
    }

    #[test]
    fn delegates_print_as_pathspecs() {
        let row = Value::dict([
            ("Path", Value::text("/in/side")),
            ("DelegatePath", Value::text("/tmp/a.zip")),
            ("DelegateAccessor", Value::text("file")),
        ]);
        let Value::Dict(dict) = row else { panic!() };
        let path = OsPath::from_pathspec(&dict.snapshot()).unwrap();
        let text = r#"{"DelegateAccessor":"file","DelegatePath":"/tmp/a.zip","Path":"/in/side"}"#;
        assert_eq!(shown(&path.text()), text);
        assert_eq!(OsPath::parse(PathKind::Generic, text.as_bytes()), path);
        assert_eq!(shown(&path.path()), "/in/side");
        assert_eq!(shown(&path.human()), "/tmp/a.zip -> /in/side");
        assert_eq!(path.dirname().delegate, path.delegate);
        assert!(OsPath::from_pathspec(&Row::default()).is_none());
        assert_eq!(shown(&OsPath::parse(PathKind::Linux, b"{x").text()), "/{x");
    }

    #[test]
    fn parts() {
        let path = OsPath::parse(PathKind::Generic, b"/a/b/c.txt");
        assert_eq!(shown(&path.basename()), "c.txt");
        assert_eq!(shown(&path.dirname().text()), "/a/b");
        assert_eq!(shown(&path.join("d").text()), "/a/b/c.txt/d");
        assert_eq!(shown(&OsPath::default().dirname().text()), "/");
        assert_eq!(shown(&OsPath::default().basename()), "");
        assert!(path.member("Nothing").is_none());
    }

    #[test]
    fn temporary_files_keep_everything() {
        let mut path = OsPath::parse(PathKind::Windows, b"C:\\a");
        path.delegate = Some(Delegate { accessor: "zip".into(), path: "/x".into() });
        path.accessor = "ntfs".into();
        let mut bytes = Vec::new();
        path.encode(&mut bytes);
        let back = OsPath::decode(&mut &bytes[..]).unwrap();
        assert_eq!((&back, &back.accessor), (&path, &path.accessor));
        assert!(OsPath::decode(&mut &bytes[..5]).is_err());
    }
}
